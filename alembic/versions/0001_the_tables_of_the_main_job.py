"""The tables of the main job."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.String(48).with_variant(sa.String(48, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)

# Nobody is in two places at once: the last line of defence behind the locks of the operations.
CLAIMS_APART = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE claim ADD CONSTRAINT claims_apart
    EXCLUDE USING gist (person_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (active)
"""
CLAIMS_APART_TRIGGER = """
CREATE TRIGGER claims_apart_{act} BEFORE {act} ON claim
WHEN NEW.active AND EXISTS (
    SELECT 1 FROM claim
    WHERE person_id = NEW.person_id AND active AND id <> NEW.id AND starts_at < NEW.ends_at AND NEW.starts_at < ends_at
)
BEGIN SELECT RAISE(ABORT, 'claims_apart'); END
"""


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("segment", sa.String(length=64), nullable=True),
        sa.Column("observers_allowed", sa.Boolean(), nullable=False),
        sa.Column("seat_capacity", sa.Integer(), nullable=True),
        sa.Column("own_side_ceiling", sa.Integer(), nullable=True),
        sa.Column("external_updated_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_name"), ["name"], unique=False)

    op.create_table(
        "call_type",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seat_capacity", sa.Integer(), nullable=False),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_table(
        "event",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("event_of_object", ["object_id"], unique=False)

    op.create_table(
        "external_identity",
        sa.Column("object_id", KEY, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=512), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("object_id", "source", "external_id"),
        sa.UniqueConstraint("object_type", "source", "external_id", name="external_identity_unique"),
    )
    with op.batch_alter_table("external_identity", schema=None) as batch_op:
        batch_op.create_index("external_identity_of", ["object_id"], unique=False)

    op.create_table(
        "idempotency_record",
        sa.Column("credential", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("credential", "idempotency_key"),
    )
    with op.batch_alter_table("idempotency_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_record_created_at"), ["created_at"], unique=False)

    op.create_table(
        "installation",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("min_notice_minutes", sa.Integer(), nullable=False),
        sa.Column("closed_stages", sa.JSON(), nullable=False),
        sa.Column("own_side_ceiling", sa.Integer(), nullable=True),
        sa.Column("hold_minutes", sa.Integer(), nullable=False),
        sa.Column("offer_minutes", sa.Integer(), nullable=False),
        sa.Column("late_cancel_minutes", sa.Integer(), nullable=False),
        sa.Column("no_show_grace_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "hold_minutes BETWEEN 1 AND 60 AND offer_minutes BETWEEN 1 AND 2880", name="installation_waits"
        ),
        sa.CheckConstraint("horizon_days BETWEEN 1 AND 730", name="installation_horizon"),
        sa.CheckConstraint("min_notice_minutes BETWEEN 0 AND 10080", name="installation_notice"),
        sa.CheckConstraint("one = 1", name="installation_is_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "operation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued", "running", "succeeded", "failed", "cancelled", name="workstatus", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "program",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("program", schema=None) as batch_op:
        batch_op.create_index(
            "program_one_default",
            ["is_default"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "series",
        sa.Column("id", KEY, nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "shadow",
                "reverse_shadow",
                "ride_along",
                "drop_in",
                "debrief",
                "one_on_one",
                "role_play",
                name="sessionkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum("confirmed", "cancelled", name="seriesstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("rrule", sa.String(length=500), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("local_start", sa.String(length=19), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("duration_minutes > 0", name="series_duration"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    op.create_table(
        "skill",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_table(
        "team",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "call_type_skill",
        sa.Column("call_type", sa.String(), nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_type"],
            ["call_type.slug"],
        ),
        sa.ForeignKeyConstraint(
            ["skill"],
            ["skill.slug"],
        ),
        sa.PrimaryKeyConstraint("call_type", "skill"),
    )
    with op.batch_alter_table("call_type_skill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_type_skill_skill"), ["skill"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("singleton", sa.String(length=200), nullable=True),
        sa.Column("operation_id", KEY, nullable=True),
        sa.Column(
            "status",
            sa.Enum("queued", "running", "done", "dead", name="jobstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("leased_until", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(length=2000), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("attempts >= 0", name="job_attempts"),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("job_due", ["status", "priority", "due_at", "id"], unique=False)
        batch_op.create_index(
            "job_singleton",
            ["singleton"],
            unique=True,
            sqlite_where=sa.text("status = 'queued' AND singleton IS NOT NULL"),
            postgresql_where=sa.text("status = 'queued' AND singleton IS NOT NULL"),
        )

    op.create_table(
        "match_run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("operation_id", KEY, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "draft",
                "publishing",
                "published",
                "failed",
                "cancelled",
                name="runstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "objective", sa.Enum("total", "util", name="objective", native_enum=False, length=32), nullable=False
        ),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("constraints", sa.JSON(), nullable=False),
        sa.Column("pins", sa.JSON(), nullable=False),
        sa.Column("forbidden", sa.JSON(), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=True),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("unmatched", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["program.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "person",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column(
            "role",
            sa.Enum("admin", "program_manager", "manager", "rep", "auditor", name="role", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum("active", "on_leave", "left", name="personstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("manager_id", KEY, nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("segments", sa.JSON(), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("seat_capacity", sa.Integer(), nullable=True),
        sa.Column("observe_per_day", sa.Integer(), nullable=False),
        sa.Column("observe_per_week", sa.Integer(), nullable=False),
        sa.Column("host_per_day", sa.Integer(), nullable=False),
        sa.Column("host_per_week", sa.Integer(), nullable=False),
        sa.Column(
            "seat_approval",
            sa.Enum("auto", "host", "none", name="seatapproval", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("host_gap_minutes", sa.Integer(), nullable=False),
        sa.Column("sessions_per_day", sa.Integer(), nullable=True),
        sa.Column("sessions_per_week", sa.Integer(), nullable=True),
        sa.Column("external_updated_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("host_gap_minutes BETWEEN 0 AND 480", name="person_host_gap"),
        sa.CheckConstraint("host_per_day >= 0 AND host_per_week >= 0", name="person_host_limits"),
        sa.CheckConstraint("manager_id <> id", name="person_not_own_manager"),
        sa.CheckConstraint("observe_per_day >= 0 AND observe_per_week >= 0", name="person_observe_limits"),
        sa.CheckConstraint("sessions_per_day >= 0 AND sessions_per_week >= 0", name="person_session_limits"),
        sa.ForeignKeyConstraint(
            ["manager_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["team.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_manager_id"), ["manager_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_team_id"), ["team_id"], unique=False)
        batch_op.create_index("person_updated", ["updated_at", "id"], unique=False)

    op.create_table(
        "plan_run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("operation_id", KEY, nullable=False),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("from_at", INSTANT, nullable=False),
        sa.Column("to_at", INSTANT, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "draft",
                "publishing",
                "published",
                "failed",
                "cancelled",
                name="runstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("inputs_hash", sa.String(length=64), nullable=True),
        sa.Column("objective", sa.Integer(), nullable=True),
        sa.Column("bound", sa.Float(), nullable=True),
        sa.Column("gap_percent", sa.Float(), nullable=True),
        sa.Column("timed_out", sa.Boolean(), nullable=False),
        sa.Column("unmet", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["program.id"],
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["team.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum("admin", "program_manager", "manager", "rep", "auditor", name="role", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_person_id"), ["person_id"], unique=False)

    op.create_table(
        "availability",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("weekly", sa.JSON(), nullable=False),
        sa.Column("exceptions", sa.JSON(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "buffer_before_minutes BETWEEN 0 AND 120 AND buffer_after_minutes BETWEEN 0 AND 120",
            name="availability_buffers",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "browser_session",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("browser_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_browser_session_person_id"), ["person_id"], unique=False)

    op.create_table(
        "busy",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column(
            "status", sa.Enum("busy", "tentative", name="busystatus", native_enum=False, length=32), nullable=False
        ),
        sa.CheckConstraint("starts_at < ends_at", name="busy_forward"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("busy", schema=None) as batch_op:
        batch_op.create_index("busy_of_person", ["person_id", "ends_at"], unique=False)

    op.create_table(
        "call",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column(
            "type_source", sa.Enum("rule", "manual", name="typesource", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "status",
            sa.Enum(
                "scheduled", "live", "ended", "cancelled", "no_show", name="callstatus", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("host_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("product", sa.String(length=64), nullable=True),
        sa.Column("region", sa.String(length=64), nullable=True),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("meeting_url", sa.String(length=2000), nullable=True),
        sa.Column("colleagues_invited", sa.Integer(), nullable=False),
        sa.Column("seat_capacity_override", sa.Integer(), nullable=True),
        sa.Column("seat_capacity", sa.Integer(), nullable=False),
        sa.Column("seats_taken", sa.Integer(), nullable=False),
        sa.Column("external_updated_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("colleagues_invited BETWEEN 0 AND 50", name="call_colleagues"),
        sa.CheckConstraint("seat_capacity BETWEEN 0 AND 50", name="call_seat_capacity"),
        sa.CheckConstraint("seats_taken BETWEEN 0 AND seat_capacity", name="call_never_oversold"),
        sa.CheckConstraint("starts_at < ends_at", name="call_forward"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["type"],
            ["call_type.slug"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index("call_by_start", ["starts_at", "id"], unique=False)
        batch_op.create_index("call_of_host", ["host_id", "starts_at"], unique=False)
        batch_op.create_index("call_updated", ["updated_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_type"), ["type"], unique=False)

    op.create_table(
        "enrollment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("side", sa.Enum("mentee", "mentor", name="side", native_enum=False, length=32), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("capacity BETWEEN 0 AND 50", name="enrollment_capacity"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["program.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("program_id", "person_id", "side", name="enrollment_once"),
    )
    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrollment_person_id"), ["person_id"], unique=False)

    op.create_table(
        "feed",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("kind", sa.Enum("personal", name="feedkind", native_enum=False, length=32), nullable=False),
        sa.Column(
            "privacy", sa.Enum("full", "busy_only", name="feedprivacy", native_enum=False, length=32), nullable=False
        ),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("last_fetched_at", INSTANT, nullable=True),
        sa.Column("last_fetched_by", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_digest"),
    )
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feed_person_id"), ["person_id"], unique=False)

    op.create_table(
        "match",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.Column("mentee_id", KEY, nullable=False),
        sa.Column("mentor_id", KEY, nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "active", "paused", "ended", name="matchstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["mentee_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["program.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["match_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("match", schema=None) as batch_op:
        batch_op.create_index("match_of_mentee", ["mentee_id"], unique=False)
        batch_op.create_index("match_of_mentor", ["mentor_id"], unique=False)
        batch_op.create_index(
            "match_one_per_mentee",
            ["program_id", "mentee_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('pending', 'active', 'paused')"),
            postgresql_where=sa.text("status IN ('pending', 'active', 'paused')"),
        )

    op.create_table(
        "pause",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("starts_on <= ends_on", name="pause_forward"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("pause", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pause_person_id"), ["person_id"], unique=False)

    op.create_table(
        "person_skill",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("wants", sa.Integer(), nullable=False),
        sa.Column("teaches", sa.Boolean(), nullable=False),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name="person_skill_level"),
        sa.CheckConstraint("wants BETWEEN 0 AND 5", name="person_skill_wants"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["skill"],
            ["skill.slug"],
        ),
        sa.PrimaryKeyConstraint("person_id", "skill"),
    )
    with op.batch_alter_table("person_skill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_skill_skill"), ["skill"], unique=False)

    op.create_table(
        "proposed_match",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("mentee_id", KEY, nullable=False),
        sa.Column("mentor_id", KEY, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mentee_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["match_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "mentee_id", name="proposed_match_once"),
    )
    op.create_table(
        "sign_in_link",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("sign_in_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_link_person_id"), ["person_id"], unique=False)

    op.create_table(
        "skill_assessment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_as", sa.String(length=32), nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name="skill_assessment_level"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["skill"],
            ["skill.slug"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("skill_assessment", schema=None) as batch_op:
        batch_op.create_index("skill_assessment_as_of", ["person_id", "skill", "set_at"], unique=False)

    op.create_table(
        "session",
        sa.Column("id", KEY, nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "shadow",
                "reverse_shadow",
                "ride_along",
                "drop_in",
                "debrief",
                "one_on_one",
                "role_play",
                name="sessionkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "confirmed",
                "in_progress",
                "completed",
                "cancelled",
                "no_show",
                "expired",
                name="sessionstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("call_id", KEY, nullable=True),
        sa.Column("follows_id", KEY, nullable=True),
        sa.Column("series_id", KEY, nullable=True),
        sa.Column("occurrence_at", INSTANT, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("undo_until", INSTANT, nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name="session_forward"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["follows_id"],
            ["session.id"],
        ),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["series.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_follows_id"), ["follows_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_series_id"), ["series_id"], unique=False)
        batch_op.create_index("session_by_start", ["starts_at", "id"], unique=False)
        batch_op.create_index(
            "session_expiring",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'requested'"),
            postgresql_where=sa.text("status = 'requested'"),
        )
        batch_op.create_index("session_updated", ["updated_at", "id"], unique=False)

    op.create_table(
        "calendar_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column(
            "part",
            sa.Enum("host", "observer", "mentor", "mentee", name="part", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("call_id", KEY, nullable=True),
        sa.Column("session_id", KEY, nullable=True),
        sa.Column("series_id", KEY, nullable=True),
        sa.Column(
            "status",
            sa.Enum("confirmed", "cancelled", name="entrystatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("mailing_sequence", sa.Integer(), nullable=True),
        sa.Column("mailed_sequence", sa.Integer(), nullable=True),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("renderer", sa.Integer(), nullable=True),
        sa.Column("vevent", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "call_id IS NOT NULL OR session_id IS NOT NULL OR series_id IS NOT NULL", name="entry_of_what"
        ),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["series.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person_id", "uid", name="calendar_entry_once"),
    )
    with op.batch_alter_table("calendar_entry", schema=None) as batch_op:
        batch_op.create_index("calendar_entry_of_call", ["call_id"], unique=False)
        batch_op.create_index("calendar_entry_window", ["person_id", "ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_calendar_entry_series_id"), ["series_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_calendar_entry_session_id"), ["session_id"], unique=False)

    op.create_table(
        "claim",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("session", "hold", "pending", name="claimkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name="claim_forward"),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index(
            "claim_of_person",
            ["person_id", "ends_at"],
            unique=False,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )
        batch_op.create_index("claim_of_session", ["session_id"], unique=False)

    op.create_table(
        "hold",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("credential", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id"),
        sa.UniqueConstraint("token_digest"),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_credential"), ["credential"], unique=False)

    op.create_table(
        "participant",
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column(
            "part",
            sa.Enum("host", "observer", "mentor", "mentee", name="part", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "response",
            sa.Enum("needs_action", "accepted", "declined", "tentative", name="response", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("proposed_starts_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
        ),
        sa.PrimaryKeyConstraint("session_id", "person_id"),
    )
    with op.batch_alter_table("participant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_participant_person_id"), ["person_id"], unique=False)

    op.create_table(
        "seat",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("observer_id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "shadow",
                "reverse_shadow",
                "ride_along",
                "drop_in",
                "debrief",
                "one_on_one",
                "role_play",
                name="sessionkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "confirmed",
                "attended",
                "attempted",
                "no_show",
                "released",
                "declined",
                "cancelled",
                "expired",
                name="seatstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("seat_no", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("seat_no BETWEEN 1 AND capacity", name="seat_never_oversold"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["observer_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id"),
    )
    with op.batch_alter_table("seat", schema=None) as batch_op:
        batch_op.create_index("seat_of_observer", ["observer_id"], unique=False)
        batch_op.create_index(
            "seat_one_per_number",
            ["call_id", "seat_no"],
            unique=True,
            sqlite_where=sa.text("status IN ('requested', 'confirmed')"),
            postgresql_where=sa.text("status IN ('requested', 'confirmed')"),
        )
        batch_op.create_index(
            "seat_one_per_observer",
            ["call_id", "observer_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('requested', 'confirmed')"),
            postgresql_where=sa.text("status IN ('requested', 'confirmed')"),
        )

    op.create_table(
        "plan_seat",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("observer_id", KEY, nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("seat_id", KEY, nullable=True),
        sa.Column("refusal", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["observer_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["plan_run.id"],
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"],
            ["seat.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "call_id", "observer_id", name="plan_seat_once"),
    )
    op.create_table(
        "waitlist_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting", "offered", "taken", "lapsed", "left", name="waitliststatus", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("seat_id", KEY, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"],
            ["seat.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("waitlist_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waitlist_entry_seat_id"), ["seat_id"], unique=False)
        batch_op.create_index("waitlist_of_person", ["person_id"], unique=False)
        batch_op.create_index(
            "waitlist_once",
            ["call_id", "person_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('waiting', 'offered')"),
            postgresql_where=sa.text("status IN ('waiting', 'offered')"),
        )

    if op.get_bind().dialect.name == "postgresql":
        op.execute(CLAIMS_APART)
    else:
        for act in ("INSERT", "UPDATE"):
            op.execute(CLAIMS_APART_TRIGGER.format(act=act))


def downgrade() -> None:
    with op.batch_alter_table("waitlist_entry", schema=None) as batch_op:
        batch_op.drop_index(
            "waitlist_once",
            sqlite_where=sa.text("status IN ('waiting', 'offered')"),
            postgresql_where=sa.text("status IN ('waiting', 'offered')"),
        )
        batch_op.drop_index("waitlist_of_person")
        batch_op.drop_index(batch_op.f("ix_waitlist_entry_seat_id"))

    op.drop_table("waitlist_entry")
    op.drop_table("plan_seat")
    with op.batch_alter_table("seat", schema=None) as batch_op:
        batch_op.drop_index(
            "seat_one_per_observer",
            sqlite_where=sa.text("status IN ('requested', 'confirmed')"),
            postgresql_where=sa.text("status IN ('requested', 'confirmed')"),
        )
        batch_op.drop_index(
            "seat_one_per_number",
            sqlite_where=sa.text("status IN ('requested', 'confirmed')"),
            postgresql_where=sa.text("status IN ('requested', 'confirmed')"),
        )
        batch_op.drop_index("seat_of_observer")

    op.drop_table("seat")
    with op.batch_alter_table("participant", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_participant_person_id"))

    op.drop_table("participant")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hold_credential"))

    op.drop_table("hold")
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.drop_index("claim_of_session")
        batch_op.drop_index("claim_of_person", sqlite_where=sa.text("active"), postgresql_where=sa.text("active"))

    op.drop_table("claim")
    with op.batch_alter_table("calendar_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calendar_entry_session_id"))
        batch_op.drop_index(batch_op.f("ix_calendar_entry_series_id"))
        batch_op.drop_index("calendar_entry_window")
        batch_op.drop_index("calendar_entry_of_call")

    op.drop_table("calendar_entry")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index("session_updated")
        batch_op.drop_index(
            "session_expiring",
            sqlite_where=sa.text("status = 'requested'"),
            postgresql_where=sa.text("status = 'requested'"),
        )
        batch_op.drop_index("session_by_start")
        batch_op.drop_index(batch_op.f("ix_session_series_id"))
        batch_op.drop_index(batch_op.f("ix_session_follows_id"))
        batch_op.drop_index(batch_op.f("ix_session_call_id"))

    op.drop_table("session")
    with op.batch_alter_table("skill_assessment", schema=None) as batch_op:
        batch_op.drop_index("skill_assessment_as_of")

    op.drop_table("skill_assessment")
    with op.batch_alter_table("sign_in_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_link_person_id"))

    op.drop_table("sign_in_link")
    op.drop_table("proposed_match")
    with op.batch_alter_table("person_skill", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_skill_skill"))

    op.drop_table("person_skill")
    with op.batch_alter_table("pause", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pause_person_id"))

    op.drop_table("pause")
    with op.batch_alter_table("match", schema=None) as batch_op:
        batch_op.drop_index(
            "match_one_per_mentee",
            sqlite_where=sa.text("status IN ('pending', 'active', 'paused')"),
            postgresql_where=sa.text("status IN ('pending', 'active', 'paused')"),
        )
        batch_op.drop_index("match_of_mentor")
        batch_op.drop_index("match_of_mentee")

    op.drop_table("match")
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_feed_person_id"))

    op.drop_table("feed")
    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrollment_person_id"))

    op.drop_table("enrollment")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_type"))
        batch_op.drop_index(batch_op.f("ix_call_account_id"))
        batch_op.drop_index("call_updated")
        batch_op.drop_index("call_of_host")
        batch_op.drop_index("call_by_start")

    op.drop_table("call")
    with op.batch_alter_table("busy", schema=None) as batch_op:
        batch_op.drop_index("busy_of_person")

    op.drop_table("busy")
    with op.batch_alter_table("browser_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_browser_session_person_id"))

    op.drop_table("browser_session")
    op.drop_table("availability")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_person_id"))

    op.drop_table("api_key")
    op.drop_table("plan_run")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index("person_updated")
        batch_op.drop_index(batch_op.f("ix_person_team_id"))
        batch_op.drop_index(batch_op.f("ix_person_manager_id"))

    op.drop_table("person")
    op.drop_table("match_run")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "job_singleton",
            sqlite_where=sa.text("status = 'queued' AND singleton IS NOT NULL"),
            postgresql_where=sa.text("status = 'queued' AND singleton IS NOT NULL"),
        )
        batch_op.drop_index("job_due")

    op.drop_table("job")
    with op.batch_alter_table("call_type_skill", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_type_skill_skill"))

    op.drop_table("call_type_skill")
    op.drop_table("team")
    op.drop_table("skill")
    op.drop_table("series")
    with op.batch_alter_table("program", schema=None) as batch_op:
        batch_op.drop_index(
            "program_one_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("program")
    op.drop_table("operation")
    op.drop_table("installation")
    with op.batch_alter_table("idempotency_record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_record_created_at"))

    op.drop_table("idempotency_record")
    with op.batch_alter_table("external_identity", schema=None) as batch_op:
        batch_op.drop_index("external_identity_of")

    op.drop_table("external_identity")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("event_of_object")

    op.drop_table("event")
    op.drop_table("call_type")
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_name"))

    op.drop_table("account")
