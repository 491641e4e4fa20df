"""Matches are asked for, approved and felt; drafts are edited; programs say what forbids a pair; polls read less."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
PENDING = sa.text("status = 'pending'")
SHIPPED = {
    "skill": 4500,
    "co_availability": 2000,
    "segment": 1500,
    "overlap": 1000,
    "affinity": 700,
    "language": 500,
    "fresh": 300,
}
"""The weights of a run in which neither it nor its program said otherwise."""
NO_LIST, NO_MAP = sa.text("'[]'"), sa.text("'{}'")


def upgrade() -> None:
    op.create_table(
        "pair_rule",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("mentee_id", KEY, nullable=False),
        sa.Column("mentor_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["mentee_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["mentor_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("program_id", "mentee_id", "mentor_id", name="pair_rule_once"),
    )
    op.create_index("ix_pair_rule_mentee_id", "pair_rule", ["mentee_id"])
    op.create_index("ix_pair_rule_mentor_id", "pair_rule", ["mentor_id"])
    op.create_table(
        "preference",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("preferred_id", KEY, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.CheckConstraint("rank BETWEEN 1 AND 20", name="preference_rank_range"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["preferred_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("program_id", "person_id", "side", "preferred_id", name="preference_once"),
        sa.UniqueConstraint("program_id", "person_id", "side", "rank", name="preference_rank"),
    )
    op.create_index("preference_of_person", "preference", ["person_id"])
    op.create_index("preference_for", "preference", ["preferred_id"])

    op.execute("ALTER TABLE person ADD COLUMN grade INTEGER CONSTRAINT person_grade CHECK (grade BETWEEN 0 AND 20)")
    op.add_column("program", sa.Column("constraints", sa.JSON(), server_default=NO_MAP, nullable=False))
    op.add_column("program", sa.Column("approval", sa.String(length=32), server_default="none", nullable=False))
    op.add_column("program", sa.Column("requests_open", sa.Boolean(), server_default=sa.true(), nullable=False))

    op.add_column("match_run", sa.Column("disruption", sa.String(length=32), server_default="some", nullable=False))
    op.add_column("match_run", sa.Column("cause", sa.String(length=32), server_default="by_hand", nullable=False))
    op.add_column("match_run", sa.Column("bound", sa.Integer(), nullable=True))
    _complete_weights()
    op.add_column("proposed_match", sa.Column("by_hand", sa.Boolean(), server_default=sa.false(), nullable=False))

    _add_reference("match", "asked_by_id", "person")
    op.add_column("match", sa.Column("awaiting", sa.JSON(), server_default=NO_LIST, nullable=False))
    for instant in ("asked_at", "reminded_at", "started_at", "fit_asked_at"):
        op.add_column("match", sa.Column(instant, INSTANT, nullable=True))
    for word in ("ended_because", "mentee_fit", "mentor_fit"):
        op.add_column("match", sa.Column(word, sa.String(length=32), nullable=True))
    op.execute("UPDATE match SET started_at = created_at")  # none has waited for a yes yet
    op.create_index("match_waiting", "match", ["asked_at"], sqlite_where=PENDING, postgresql_where=PENDING)

    _add_reference("plan_run", "replans_id", "plan_run")
    op.add_column("plan_run", sa.Column("learning", sa.Integer(), nullable=True))
    op.add_column("plan_run", sa.Column("pins", sa.JSON(), server_default=NO_LIST, nullable=False))
    op.add_column("plan_run", sa.Column("dropped", sa.JSON(), server_default=NO_LIST, nullable=False))
    op.add_column("plan_seat", sa.Column("teaches", sa.JSON(), server_default=NO_LIST, nullable=False))
    op.add_column("plan_seat", sa.Column("meets", sa.JSON(), server_default=NO_LIST, nullable=False))
    op.add_column("plan_seat", sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("plan_seat", sa.Column("by_hand", sa.Boolean(), server_default=sa.false(), nullable=False))

    op.drop_index("calendar_entry_window", "calendar_entry")
    window = ["person_id", "ends_at", "status", "changed_at", "part", "call_id"]
    op.create_index("calendar_entry_window", "calendar_entry", window)


def downgrade() -> None:
    op.drop_index("calendar_entry_window", "calendar_entry")
    op.create_index("calendar_entry_window", "calendar_entry", ["person_id", "ends_at"])
    op.execute("UPDATE match SET status = 'ended' WHERE status = 'pending'")  # nobody could say yes any more
    op.execute("UPDATE match_run SET objective = 'util' WHERE objective NOT IN ('total', 'util')")
    op.drop_index("match_waiting", "match")
    for table, columns in (
        ("plan_seat", ("by_hand", "pinned", "meets", "teaches")),
        ("plan_run", ("dropped", "pins", "learning", "replans_id")),
        (
            "match",
            (
                "mentor_fit",
                "mentee_fit",
                "ended_because",
                "fit_asked_at",
                "started_at",
                "reminded_at",
                "asked_at",
                "awaiting",
                "asked_by_id",
            ),
        ),
        ("proposed_match", ("by_hand",)),
        ("match_run", ("bound", "cause", "disruption")),
        ("program", ("requests_open", "approval", "constraints")),
        ("person", ("grade",)),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("preference")
    op.drop_table("pair_rule")


def _complete_weights() -> None:
    """Say all weights in runs, which said only those that were not the program's: from here on, what is not said of a
    criterion is nothing.
    """
    run = sa.table("match_run", sa.column("id"), sa.column("program_id"), sa.column("weights", sa.JSON()))
    program = sa.table("program", sa.column("id"), sa.column("weights", sa.JSON()))
    both = sa.select(run.c.id, program.c.weights, run.c.weights).join(program, program.c.id == run.c.program_id)
    for run_id, usual, said in op.get_bind().execute(both).all():
        complete = run.update().where(run.c.id == run_id).values(weights={**SHIPPED, **usual, **said})
        op.get_bind().execute(complete)


def _add_reference(table: str, column: str, target: str) -> None:
    """Add a reference in place: SQLite can't recreate a table to which others refer."""
    kind = 'VARCHAR(48) COLLATE "C"' if op.get_context().dialect.name == "postgresql" else "VARCHAR(48)"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} REFERENCES {target} (id)")
