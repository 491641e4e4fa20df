"""Jobs say who has them and when they recur; what is over is in no index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

QUEUED, RUNNING = "status = 'queued'", "status = 'running'"


def upgrade() -> None:
    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("occurrence", sa.String(length=120), nullable=True))
        job.add_column(sa.Column("worker", sa.String(length=100), nullable=True))
        job.drop_index("job_due")
    _index("job_in_order", ["priority", "due_at", "id"], QUEUED)
    _index("job_due", ["due_at"], QUEUED)
    _index("job_leased", ["leased_until"], RUNNING)
    _index("job_occurrence", ["occurrence"], "occurrence IS NOT NULL", unique=True)
    _index("job_of_operation", ["operation_id"], "operation_id IS NOT NULL")


def downgrade() -> None:
    op.execute("UPDATE job SET status = 'dead' WHERE status = 'cancelled'")  # a word that revision 0001 can't read
    for name in ("job_of_operation", "job_occurrence", "job_leased", "job_due", "job_in_order"):
        op.drop_index(name, "job")
    op.create_index("job_due", "job", ["status", "priority", "due_at", "id"])
    for column in ("worker", "occurrence"):
        op.execute(f"ALTER TABLE job DROP COLUMN {column}")  # a batch would lose the condition of the index left


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, "job", columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
