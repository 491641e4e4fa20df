"""The floor: doors, who is there, raised hands, power hours, diallers; calls that begin and end by the clock; and what
imports did, so that it can be undone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
OF_HOUR = sa.text("power_hour_id IS NOT NULL")
OF_WHAT = "call_id IS NOT NULL OR session_id IS NOT NULL OR series_id IS NOT NULL"
AHEAD, ON, UP = sa.text("status = 'scheduled'"), sa.text("status = 'live'"), sa.text("lowered_at IS NULL")
UNTRIED = sa.text("outcome IS NULL")

_SAID = """
UPDATE call SET {said} = CASE WHEN updated_at < {planned} THEN updated_at ELSE {planned} END WHERE status = '{status}'
"""


def upgrade() -> None:
    op.add_column("call", _word("door", "closed"))
    op.add_column("call", sa.Column("began_at", INSTANT, nullable=True))
    op.add_column("call", sa.Column("ended_at", INSTANT, nullable=True))
    # So far only people have said what becomes of a call.
    op.execute(_SAID.format(said="began_at", planned="starts_at", status="live"))
    op.execute(_SAID.format(said="ended_at", planned="ends_at", status="ended"))
    op.create_index("call_to_start", "call", ["starts_at", "id"], sqlite_where=AHEAD, postgresql_where=AHEAD)
    op.create_index("call_to_end", "call", ["ends_at", "id"], sqlite_where=ON, postgresql_where=ON)
    op.add_column("person", _word("door_default", "closed"))
    op.add_column("person", sa.Column("shortcuts", sa.Boolean(), server_default=sa.true(), nullable=False))

    op.create_table(
        "presence",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("presence", sa.String(length=32), nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "hand",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("why", sa.String(length=140), nullable=True),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("lowered_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hand_once", "hand", ["call_id", "person_id"], unique=True, sqlite_where=UP, postgresql_where=UP)
    op.create_index("hand_of_call", "hand", ["call_id"])
    op.create_index("hand_of_person", "hand", ["person_id"])

    op.create_table(
        "power_hour",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("rotation_minutes", sa.Integer(), nullable=False),
        *_stamps(),
        sa.CheckConstraint("starts_at < ends_at", name="power_hour_forward"),
        sa.CheckConstraint("rotation_minutes >= 1", name="power_hour_rotation"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_power_hour_team_id", "power_hour", ["team_id"])
    op.create_index("power_hour_by_start", "power_hour", ["starts_at", "id"])
    op.create_table(
        "power_hour_part",
        sa.Column("power_hour_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.CheckConstraint("part IN ('host', 'observer')", name="power_hour_part_part"),
        sa.CheckConstraint("place >= 0", name="power_hour_part_place"),
        sa.ForeignKeyConstraint(["power_hour_id"], ["power_hour.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("power_hour_id", "person_id"),
    )
    op.create_index("ix_power_hour_part_person_id", "power_hour_part", ["person_id"])
    with op.batch_alter_table("calendar_entry") as entry:
        entry.add_column(sa.Column("power_hour_id", KEY, nullable=True))
        entry.drop_constraint("entry_of_what", type_="check")
        entry.create_check_constraint("entry_of_what", f"{OF_WHAT} OR power_hour_id IS NOT NULL")
    of_hour = {"sqlite_where": OF_HOUR, "postgresql_where": OF_HOUR}
    op.create_index("calendar_entry_of_hour", "calendar_entry", ["power_hour_id"], **of_hour)

    op.create_table(
        "dialler_connection",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret", sa.String(length=300), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("last_heard_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "dialler_message",
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("heard_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["dialler_connection.id"]),
        sa.PrimaryKeyConstraint("connection_id", "message_id"),
    )
    op.create_index("ix_dialler_message_heard_at", "dialler_message", ["heard_at"])
    _imports()


def _imports() -> None:
    op.create_table(
        "file_import",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("created", "updated", "unchanged", "skipped")),
        sa.Column("operation_id", KEY, nullable=True),
        sa.Column("put_back", sa.Integer(), nullable=False),
        sa.Column("stayed", sa.Integer(), nullable=False),
        sa.Column("undone_at", INSTANT, nullable=True),
        *_stamps(),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "file_import_row",
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", KEY, nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("why", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["file_import.id"]),
        sa.PrimaryKeyConstraint("import_id", "position"),
    )
    op.create_index("ix_file_import_row_object_id", "file_import_row", ["object_id"])
    left = {"sqlite_where": UNTRIED, "postgresql_where": UNTRIED}
    op.create_index("file_import_row_untried", "file_import_row", ["import_id", "position"], **left)


def downgrade() -> None:
    op.drop_index("calendar_entry_of_hour", "calendar_entry")
    op.execute("DELETE FROM calendar_entry WHERE power_hour_id IS NOT NULL")
    with op.batch_alter_table("calendar_entry") as entry:
        entry.drop_constraint("entry_of_what", type_="check")
        entry.drop_column("power_hour_id")
        entry.create_check_constraint("entry_of_what", OF_WHAT)
    for table in ("file_import_row", "file_import"):
        op.drop_table(table)
    for table in ("dialler_message", "dialler_connection", "power_hour_part", "power_hour", "hand", "presence"):
        op.drop_table(table)
    op.drop_index("call_to_end", "call")
    op.drop_index("call_to_start", "call")
    for table, columns in (("person", ("shortcuts", "door_default")), ("call", ("ended_at", "began_at", "door"))):
        for column in columns:
            op.drop_column(table, column)


def _word(name: str, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=32), server_default=default, nullable=False)


def _stamps() -> tuple[sa.Column[int], sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
    )
