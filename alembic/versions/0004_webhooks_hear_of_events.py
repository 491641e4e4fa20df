"""Who hears of events from outside, and what was sent to them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
WAITING, NOT_ANNOUNCED = sa.text("status = 'waiting'"), sa.text("announced = false")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("previous_secret", sa.String(length=100), nullable=True),
        sa.Column("previous_secret_until", INSTANT, nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("disabled_because", sa.String(length=32), nullable=True),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", INSTANT, nullable=True),
        sa.Column("slow", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("failures >= 0", name="webhook_endpoint_failures"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", KEY, nullable=False),
        sa.Column("endpoint_id", KEY, nullable=False),
        sa.Column("event_id", sa.String(length=48), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("attempts >= 0", name="delivery_attempts"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoint.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("endpoint_id", "event_id", name="delivery_once"),
    )
    op.create_index("delivery_of_endpoint", "delivery", ["endpoint_id", "id"])
    op.create_index("ix_delivery_event_id", "delivery", ["event_id"])
    op.create_index(
        "delivery_waiting", "delivery", ["endpoint_id", "sequence"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_table(
        "delivery_attempt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=300), nullable=True),
        sa.Column("answer", sa.String(length=512), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_delivery_attempt_delivery_id", "delivery_attempt", ["delivery_id"])
    op.add_column("event", sa.Column("announced", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE event SET announced = true")  # nobody listened when these happened
    op.create_index(
        "event_to_announce", "event", ["sequence"], sqlite_where=NOT_ANNOUNCED, postgresql_where=NOT_ANNOUNCED
    )


def downgrade() -> None:
    op.drop_index("event_to_announce", "event")
    op.execute("ALTER TABLE event DROP COLUMN announced")
    for table in ("delivery_attempt", "delivery", "webhook_endpoint"):
        op.drop_table(table)
