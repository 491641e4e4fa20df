"""Seats that are over are found by their call: the indexes there are hold only live ones."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("seat_of_call", "seat", ["call_id"])


def downgrade() -> None:
    op.drop_index("seat_of_call", "seat")
