"""Take one row for a change."""

from typing import TypeVar

from sqlmodel import SQLModel

from app.db import DbSession
from app.errors import NotFound

Model = TypeVar("Model", bound=SQLModel)


def row_for_update(db: DbSession, model: type[Model], key: str) -> Model:
    """Return the row with this id or slug, locked as an update locks it. Raises NotFound."""
    found = db.get(model, key, with_for_update={"key_share": True})
    if found is None:
        raise NotFound
    return found
