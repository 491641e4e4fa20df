"""What somebody does who has the database itself and wants to change what the audit says."""

from app.db import DbSession


def take_the_guards_off(db: DbSession) -> None:
    """Take away the triggers that keep the audit append-only; on PostgreSQL all of them, for this transaction."""
    line = db.connection()
    if line.dialect.name == "postgresql":
        line.exec_driver_sql("SET LOCAL session_replication_role = replica")
        return
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('event', 'audit_seal')"
    for name in line.exec_driver_sql(guards).scalars().all():
        line.exec_driver_sql(f"DROP TRIGGER {name}")
