"""Who is asking, and where they are signed in, as it travels."""

from datetime import datetime

from pydantic import ConfigDict, Field

from app.schemas.shapes import Read
from app.vocabulary import Role, SignedInBy


class MeRead(Read):
    """Who a key is, and what it may."""

    credential_id: str = Field(examples=["key_01jd6x0000e8r9sv4kz2m7n5qk"])
    role: Role
    person_id: str | None = Field(description="As whom it acts; null: as nobody.")
    scopes: list[str] | None = Field(description="What it is let into; null: all that its role may.")
    acts_for_id: str | None = Field(description="On whose behalf it asks this time (`On-Behalf-Of`).")
    program_ids: list[str] = Field(description="The programs that they run.")
    report_ids: list[str] = Field(description="Who reports to them, directly or through others.")


class BrowserSessionRead(Read):
    """A browser in which somebody is signed in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "web_01jd6x0000e8r9sv4kz2m7n5qk",
                    "device": "Firefox on Linux",
                    "address": "198.51.100.7",
                    "signed_in_by": "link",
                    "created_at": "2026-11-21T09:00:00Z",
                    "seen_at": "2026-11-21T11:30:00Z",
                    "expires_at": "2026-11-28T09:00:00Z",
                }
            ]
        }
    )

    id: str
    device: str = Field(description="Browser and system, as far as they say.")
    address: str = Field(description="Where it was when they signed in.")
    signed_in_by: SignedInBy
    created_at: datetime
    seen_at: datetime = Field(description="When it was used, to the minute.")
    expires_at: datetime


class SignedOutRead(Read):
    """How many browsers were signed out."""

    ended: int
