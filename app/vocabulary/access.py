"""Words of who may do what."""

from enum import StrEnum


class Area(StrEnum):
    """A part of the API that an API key may be let into, to read or to write: `calls:read`."""

    AVAILABILITY = "availability"
    CALLS = "calls"
    FEEDS = "feeds"
    IMPORTS = "imports"
    JOBS = "jobs"
    MAIL = "mail"
    MATCHING = "matching"
    PEOPLE = "people"
    SEATS = "seats"
    SESSIONS = "sessions"
    SETTINGS = "settings"
    WEBHOOKS = "webhooks"


class SignedInBy(StrEnum):
    """How somebody signed in."""

    LINK = "link"
    OIDC = "oidc"
