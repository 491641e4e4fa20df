"""Runs migrations on the engine that the caller brings (see app/migrations.py)."""

from typing import Any

from alembic import context
from sqlalchemy import JSON, Column, Connection, Engine, String, text
from sqlmodel import AutoString

import app.models

engine: Engine = context.config.attributes["engine"]


def same_default(_context: Any, _found: Any, wanted: Column[Any], *_: Any) -> bool | None:
    """Leave defaults of JSON alone: PostgreSQL can't compare two of them. None = compare as usual."""
    return False if isinstance(wanted.type, JSON) else None


def same_type(migrated: Any, _found: Any, _wanted: Any, found_type: Any, wanted_type: Any) -> bool | None:
    """Leave lengths of texts alone where they mean nothing: SQLite can't change them in place. None = as usual."""
    texts = isinstance(found_type, String) and isinstance(wanted_type, AutoString)
    return False if texts and migrated.dialect.name == "sqlite" else None


def run(connection: Connection) -> None:
    """Migrate inside one transaction, one process at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(4277001)"))
    context.configure(
        connection=connection,
        target_metadata=app.models.metadata,
        render_as_batch=True,
        compare_type=same_type,
        compare_server_default=same_default,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


with engine.begin() as connection:
    run(connection)
