"""Credentials: API keys, one-time sign-in links, identities at providers, and browser sessions. Only digests of secrets
are stored.
"""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.fields import NO_TEXT, key, old_rows, one_of, plain_json, ref
from app.vocabulary import Role, SignedInBy


class ApiKey(SQLModel, table=True):
    """A bearer key. With a person it acts as that person."""

    __tablename__ = "api_key"

    id: str = key()
    name: str = Field(max_length=200)
    role: Role = one_of(Role)
    person_id: str | None = ref("person.id", index=True, nullable=True)
    scopes: list[str] | None = plain_json(default=None, nullable=True)
    """Such as `calls:read`; None: all that the role may."""
    digest: str = Field(max_length=64)
    previous_digest: str | None = Field(default=None, max_length=64)
    previous_until: datetime | None = None
    """Until when the key before the last rotation works too."""
    requests_per_minute: int | None = None
    """None: as many as the house allows any key."""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    created_at: datetime


class SignInLink(SQLModel, table=True):
    """A link that signs one person in, once."""

    __tablename__ = "sign_in_link"

    id: str = key()
    person_id: str = ref("person.id", index=True)
    digest: str = Field(max_length=64, unique=True)
    browser_digest: str | None = Field(default=None, max_length=64)
    """Of the browser that asked for it, which alone may use it; None: any."""
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class SignInIdentity(SQLModel, table=True):
    """Whom an OpenID provider means by a subject: the two together name one person for ever (OIDC Core section 5.7)."""

    __tablename__ = "sign_in_identity"

    issuer: str = Field(primary_key=True, max_length=255)
    subject: str = Field(primary_key=True, max_length=255)
    person_id: str = ref("person.id", index=True)
    linked_at: datetime


class BrowserSession(SQLModel, table=True):
    """Somebody signed in with a browser. It stays for a while when it is over: the audit says from where."""

    __tablename__ = "browser_session"

    id: str = key()
    person_id: str = ref("person.id", index=True)
    digest: str = Field(max_length=64, unique=True)
    signed_in_by: SignedInBy = one_of(SignedInBy, default=SignedInBy.LINK, **old_rows(SignedInBy.LINK.value))
    device: str = Field(default="", max_length=200, sa_column_kwargs={"server_default": NO_TEXT})
    """Browser and system, in words."""
    address: str = Field(default="", max_length=45, sa_column_kwargs={"server_default": NO_TEXT})
    """Where it was when it signed in."""
    acts_for_id: str | None = ref("person.id", nullable=True)
    """On whose behalf its person acts at the moment."""
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
