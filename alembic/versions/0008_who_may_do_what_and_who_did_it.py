"""Who may do what, and who did it: scopes, identities, devices, managers of programs, seals, sealed secrets."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
NO_MAP, NOT_SEALED, SEALED = sa.text("'{}'"), sa.text("seal IS NULL"), sa.text("seal IS NOT NULL")
WIDER = (("url", 2000, 4000), ("secret", 100, 300), ("previous_secret", 100, 300))

# Nobody changes what the audit says, not even we: an event may be announced and come under a new seal, once, and goes
# only when its whole seal was given up; seals stay. SQLite's REPLACE deletes without asking the triggers of a DELETE.
FACTS = "sequence, id, at, actor, on_behalf_of_id, credential_id, act, object_type, object_id, version"
THERE_ALREADY = "SELECT 1 FROM audit_seal WHERE number = NEW.seal"
GIVEN_UP = "SELECT 1 FROM audit_seal WHERE number = OLD.seal AND purged_at IS NOT NULL"
APPEND_ONLY = (
    ("event_facts_stay", f"UPDATE OF {FACTS} ON event", ""),
    ("event_seal_stays", "UPDATE OF seal ON event", f"OLD.seal IS NOT NULL OR EXISTS ({THERE_ALREADY})"),
    ("event_stays", "DELETE ON event", f"NOT EXISTS ({GIVEN_UP})"),
    ("audit_seal_facts_stay", "UPDATE OF number, sealed_at, events, digest ON audit_seal", ""),
    ("audit_seal_purge_stays", "UPDATE OF purged_at ON audit_seal", "OLD.purged_at IS NOT NULL"),
    ("audit_seal_stays", "DELETE ON audit_seal", ""),
)
"""Name, what it is before, and when it refuses; always, when nothing is said."""
REPLACED = (
    ("event_is_new", "INSERT ON event", "EXISTS (SELECT 1 FROM event WHERE sequence = NEW.sequence OR id = NEW.id)"),
    ("audit_seal_is_new", "INSERT ON audit_seal", "EXISTS (SELECT 1 FROM audit_seal WHERE number = NEW.number)"),
)
"""The same, of SQLite alone."""
REFUSAL = f"""
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'event' AND TG_OP = 'DELETE' THEN
        IF EXISTS ({GIVEN_UP}) THEN
            RETURN OLD;
        END IF;
    END IF;
    IF TG_NAME = 'event_seal_stays' THEN
        IF OLD.seal IS NULL AND NOT EXISTS ({THERE_ALREADY}) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_is_append_only';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "sign_in_identity",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("linked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_sign_in_identity_person_id", "sign_in_identity", ["person_id"])
    op.add_column("sign_in_link", sa.Column("browser_digest", sa.String(length=64), nullable=True))
    op.add_column("browser_session", _text("signed_in_by", 32, "link"))
    op.add_column("browser_session", _text("device", 200, ""))
    op.add_column("browser_session", _text("address", 45, ""))
    _add_reference("browser_session", "acts_for_id", "person")
    op.add_column("browser_session", sa.Column("ended_at", INSTANT, nullable=True))

    op.add_column("api_key", sa.Column("scopes", sa.JSON(), nullable=True))
    op.add_column("api_key", sa.Column("previous_digest", sa.String(length=64), nullable=True))
    op.add_column("api_key", sa.Column("previous_until", INSTANT, nullable=True))
    op.add_column("api_key", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("api_key", sa.Column("last_used_at", INSTANT, nullable=True))
    op.add_column("api_key", sa.Column("version", sa.Integer(), server_default="1", nullable=False))

    op.create_table(
        "program_manager",
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("program_id", "person_id"),
    )
    op.create_index("ix_program_manager_person_id", "program_manager", ["person_id"])

    op.add_column("event", sa.Column("on_behalf_of_id", KEY, nullable=True))
    op.add_column("event", sa.Column("credential_id", KEY, nullable=True))
    op.add_column("event", sa.Column("seal", sa.Integer(), nullable=True))
    op.drop_index("event_of_object", "event")
    op.create_index("event_of_object", "event", ["object_id", "at"])
    op.create_index("event_to_seal", "event", ["sequence"], sqlite_where=NOT_SEALED, postgresql_where=NOT_SEALED)
    op.create_index("event_under_seal", "event", ["seal", "sequence"], sqlite_where=SEALED, postgresql_where=SEALED)
    op.create_table(
        "event_detail",
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purged_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    _make_append_only()

    op.add_column("installation", sa.Column("retention_days", sa.JSON(), server_default=NO_MAP, nullable=False))
    op.add_column("installation", sa.Column("monitoring_notice", sa.String(length=5000), nullable=True))
    op.add_column("installation", sa.Column("person_insights", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("person", sa.Column("erased_at", INSTANT, nullable=True))

    op.add_column("connected_calendar", sa.Column("url_digest", sa.String(length=64), nullable=True))
    _digest_urls()
    with op.batch_alter_table("connected_calendar") as calendar:
        calendar.alter_column("url_digest", existing_type=sa.String(length=64), nullable=False)
        calendar.alter_column("url", existing_type=sa.String(length=2000), type_=sa.String(length=4000))
        calendar.alter_column("username", existing_type=sa.String(length=200), type_=sa.String(length=1200))
        calendar.alter_column("password", existing_type=sa.String(length=500), type_=sa.String(length=3000))
        calendar.drop_constraint("connected_calendar_once", type_="unique")
        calendar.create_unique_constraint("connected_calendar_once", ["person_id", "url_digest"])
    _widths_of_endpoints(2)


def downgrade() -> None:
    # What is sealed does not open any more, and would not fit: endpoints and calendars must be given again.
    op.execute("DELETE FROM connected_calendar")
    op.execute("UPDATE webhook_endpoint SET status = 'disabled', url = '', secret = '', previous_secret = NULL")
    _widths_of_endpoints(1)
    with op.batch_alter_table("connected_calendar") as calendar:
        calendar.drop_constraint("connected_calendar_once", type_="unique")
        calendar.create_unique_constraint("connected_calendar_once", ["person_id", "url"])
        calendar.alter_column("password", existing_type=sa.String(length=3000), type_=sa.String(length=500))
        calendar.alter_column("username", existing_type=sa.String(length=1200), type_=sa.String(length=200))
        calendar.alter_column("url", existing_type=sa.String(length=4000), type_=sa.String(length=2000))
        calendar.drop_column("url_digest")
    op.execute("DELETE FROM browser_session WHERE ended_at IS NOT NULL OR acts_for_id IS NOT NULL")
    op.execute(
        "DELETE FROM api_key WHERE role = 'integration' OR scopes IS NOT NULL"
    )  # they would be let in everywhere
    _let_go_of_events()
    op.drop_index("event_under_seal", "event")
    op.drop_index("event_to_seal", "event")
    op.drop_index("event_of_object", "event")
    op.create_index("event_of_object", "event", ["object_id"])
    for table, columns in (
        ("person", ("erased_at",)),
        ("installation", ("person_insights", "monitoring_notice", "retention_days")),
        ("event", ("seal", "credential_id", "on_behalf_of_id")),
        (
            "api_key",
            ("version", "last_used_at", "requests_per_minute", "previous_until", "previous_digest", "scopes"),
        ),
        ("browser_session", ("ended_at", "acts_for_id", "address", "device", "signed_in_by")),
        ("sign_in_link", ("browser_digest",)),
    ):
        for column in columns:
            op.drop_column(table, column)
    for table in ("audit_seal", "event_detail", "program_manager", "sign_in_identity"):
        op.drop_table(table)


def _make_append_only() -> None:
    """Let the database itself refuse: a mistake of ours, or somebody who has only its password."""
    if op.get_context().dialect.name == "sqlite":
        for name, before, when in APPEND_ONLY + REPLACED:
            condition = f"WHEN {when} " if when else ""
            refuse = "BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"
            op.execute(f"CREATE TRIGGER {name} BEFORE {before} {condition}{refuse}")
        return
    op.execute(REFUSAL)
    refuse = "EXECUTE FUNCTION audit_is_append_only()"
    for name, before, when in APPEND_ONLY:
        condition = f"WHEN ({when}) " if when and "SELECT" not in when else ""  # the function asks that itself
        op.execute(f"CREATE TRIGGER {name} BEFORE {before} FOR EACH ROW {condition}{refuse}")
    for table in ("event", "audit_seal"):
        op.execute(f"CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")


def _let_go_of_events() -> None:
    if op.get_context().dialect.name == "sqlite":
        for name, _, _ in APPEND_ONLY + REPLACED:
            op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute("DROP FUNCTION audit_is_append_only() CASCADE")


def _digest_urls() -> None:
    """Say by which digest each URL is known again, as `credentials.digest` does."""
    calendar = sa.table("connected_calendar", sa.column("id"), sa.column("url"), sa.column("url_digest"))
    for calendar_id, url in op.get_bind().execute(sa.select(calendar.c.id, calendar.c.url)).all():
        digest = hashlib.sha256(url.encode()).hexdigest()
        op.get_bind().execute(calendar.update().where(calendar.c.id == calendar_id).values(url_digest=digest))


def _widths_of_endpoints(which: int) -> None:
    """Make texts wider (2) or as they were (1). SQLite does not look at widths, and could not change them here."""
    if op.get_context().dialect.name == "postgresql":
        for name, *widths in WIDER:
            op.alter_column("webhook_endpoint", name, type_=sa.String(length=widths[which - 1]))


def _text(name: str, length: int, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _add_reference(table: str, column: str, target: str) -> None:
    """Add a reference in place: SQLite can't recreate a table to which others refer."""
    kind = 'VARCHAR(48) COLLATE "C"' if op.get_context().dialect.name == "postgresql" else "VARCHAR(48)"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} REFERENCES {target} (id)")
