"""Looks at an installation and says what is well and what is not. It mends nothing, and never shows a secret."""

from datetime import datetime

from sqlalchemy import Engine

from app.adapters.imap import MailboxAccount
from app.config import Settings
from app.db import make_engine
from app.doctor import database, keys, machine, records
from app.doctor.findings import Finding, Look

__all__ = ["Finding", "examine"]


def examine(settings: Settings, *, now: datetime) -> list[Finding]:
    """Look at everything that the service needs. Never raises: a check that fails is a finding. Changes nothing.

    What can only be seen in the database is left out while the database, or its schema, is not what it should be.
    """
    look = Look(settings)
    look.at("Python", machine.python)
    look.at("time zones", machine.time_zones)
    look.at("data folder", lambda: machine.writable(settings.dir))
    look.at("disk space", lambda: machine.disk_space(settings.dir))
    look.at("secret key", lambda: keys.secret_key(settings))
    look.at("public URL", lambda: machine.public_url(settings))
    if settings.smtp_host:
        look.at("SMTP relay", lambda: machine.smtp(settings))
    else:
        look.at("outbox", lambda: machine.outbox(settings))
    if account := MailboxAccount.of(settings):
        look.at("mailbox", lambda: machine.mailbox(account))
    if look.at("database", lambda: database.answers(settings)):
        engine = make_engine(settings.url, pool_size=1)
        try:
            _examine_database(look, engine, settings, now)
        finally:
            engine.dispose()
    return look.findings


def _examine_database(look: Look, engine: Engine, settings: Settings, now: datetime) -> None:
    current = look.at("schema", lambda: database.schema(engine))
    if engine.dialect.name == "sqlite":
        look.at("durability", lambda: database.sqlite_durability(engine))
        look.at("database file", lambda: database.sqlite_file(engine))
    else:
        look.at("PostgreSQL version", lambda: database.postgresql_version(engine))
        look.at("database time zone", lambda: database.postgresql_time_zone(engine))
        look.at("btree_gist", lambda: database.btree_gist(engine))
    if current:
        look.at("installation", lambda: database.is_installed(engine))
        look.at("last line against two places at once", lambda: database.claims_apart(engine))
        look.at("sealed secrets", lambda: keys.sealed(engine, settings))
        look.at("claims", lambda: records.claims(engine))
        look.at("seats", lambda: records.seats(engine))
        look.at("addresses that take no mail", lambda: records.mail_troubles(engine))
        look.at("mail that did not arrive", lambda: records.mail_lost(engine, now))
        look.at("dead jobs", lambda: records.dead_jobs(engine))
        look.at("waiting jobs", lambda: records.waiting_jobs(engine, now))
        look.at("workers", lambda: records.workers(engine, now))
        look.at("events", lambda: records.events(engine, now))
        look.at("events passed over", lambda: records.passed_over(engine, now))
        look.at("audit", lambda: records.audit(engine, now))
    if engine.dialect.name == "postgresql":
        look.at("clock", lambda: database.clock_apart(engine))
