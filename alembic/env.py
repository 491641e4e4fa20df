"""Runs migrations on the engine that the caller brings (see app/migrations.py)."""

from alembic import context
from sqlalchemy import Connection, Engine, text

import app.models

engine: Engine = context.config.attributes["engine"]


def run(connection: Connection) -> None:
    """Migrate inside one transaction, one process at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(4277001)"))
    context.configure(
        connection=connection,
        target_metadata=app.models.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


with engine.begin() as connection:
    run(connection)
