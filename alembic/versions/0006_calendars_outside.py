"""Calendars outside: those we read, what they answer, and feeds of a team."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
READ = sa.text("health <> 'disabled'")


def upgrade() -> None:
    op.create_table(
        "connected_calendar",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("username", sa.String(length=200), nullable=True),
        sa.Column("password", sa.String(length=500), nullable=True),
        sa.Column("use", sa.String(length=32), nullable=False),
        sa.Column("title_contains", sa.String(length=200), nullable=True),
        sa.Column("health", sa.String(length=32), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("etag", sa.String(length=500), nullable=True),
        sa.Column("last_modified", sa.String(length=100), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=True),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("failures >= 0", name="connected_calendar_failures"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person_id", "url", name="connected_calendar_once"),
    )
    op.create_index(
        "connected_calendar_due", "connected_calendar", ["due_at"], sqlite_where=READ, postgresql_where=READ
    )
    op.create_table(
        "calendar_reply",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("occurrence", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("stamped_at", INSTANT, nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("person_id", "uid", "occurrence"),
    )
    with op.batch_alter_table("feed") as feed:
        feed.add_column(sa.Column("team_id", KEY, nullable=True))
        feed.create_foreign_key("feed_of_team", "team", ["team_id"], ["id"])
    op.create_index("ix_feed_team_id", "feed", ["team_id"])


def downgrade() -> None:
    op.drop_index("ix_feed_team_id", "feed")
    op.execute("DELETE FROM feed WHERE kind <> 'personal'")  # words that revision 0005 can't read
    with op.batch_alter_table("feed") as feed:
        feed.drop_constraint("feed_of_team", type_="foreignkey")
        feed.drop_column("team_id")
    for table in ("calendar_reply", "connected_calendar"):
        op.drop_table(table)
