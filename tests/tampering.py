"""What somebody does who has the database itself and wants to change what the audit says."""

from app.db import DbSession


def take_the_guards_off(db: DbSession) -> None:
    """Take away the triggers that keep the audit append-only. The other rules stay."""
    line = db.connection()
    if line.dialect.name == "postgresql":
        for table in ("event", "audit_seal"):
            line.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('event', 'audit_seal')"
    for name in line.exec_driver_sql(guards).scalars().all():
        line.exec_driver_sql(f"DROP TRIGGER {name}")
