"""Words of people."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may do in the product (access only; mentor and mentee are enrolments)."""

    ADMIN = "admin"
    PROGRAM_MANAGER = "program_manager"
    MANAGER = "manager"
    REP = "rep"
    AUDITOR = "auditor"
    """Reads what an admin reads, and changes only what is their own."""
    INTEGRATION = "integration"
    """Only of API keys without a person: does in its scopes what an admin does."""


class PersonStatus(StrEnum):
    """Whether a person works here now."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    LEFT = "left"


class Side(StrEnum):
    """Which side of a lasting pair somebody is enrolled on."""

    MENTEE = "mentee"
    MENTOR = "mentor"
