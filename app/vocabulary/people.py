"""Words of people."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema


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


PERSON_ROLES = tuple(role for role in Role if role is not Role.INTEGRATION)
"""Those that somebody may have."""


def _of_a_person(role: Role) -> Role:
    if role not in PERSON_ROLES:
        raise ValueError("is a role of API keys alone")
    return role


PersonRole = Annotated[
    Role, AfterValidator(_of_a_person), WithJsonSchema({"type": "string", "enum": [str(role) for role in PERSON_ROLES]})
]


class PersonStatus(StrEnum):
    """Whether a person works here now."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    LEFT = "left"


class Side(StrEnum):
    """Which side of a lasting pair somebody is enrolled on."""

    MENTEE = "mentee"
    MENTOR = "mentor"
