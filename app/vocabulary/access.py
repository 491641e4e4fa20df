"""Words of who may do what."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints


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


Scope = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Area)}):(read|write)$")]
"""An area and what a key may do there. Who may write may read."""


class SignedInBy(StrEnum):
    """How somebody signed in."""

    LINK = "link"
    OIDC = "oidc"
