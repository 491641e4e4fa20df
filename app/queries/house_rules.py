"""Read the rules of the house: what holds for everybody who books."""

from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import installation


def house_rules(db: DbSession) -> Any:
    """Return the row of the installation."""
    return db.execute(select(installation)).one()
