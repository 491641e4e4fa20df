"""Credentials: API keys, one-time sign-in links and browser sessions. Only digests of secrets are stored."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import Role


class ApiKey(SQLModel, table=True):
    """A bearer key. With a person it acts as that person."""

    __tablename__ = "api_key"

    id: str = key()
    name: str = Field(max_length=200)
    role: Role = one_of(Role)
    person_id: str | None = ref("person.id", index=True, nullable=True)
    digest: str = Field(max_length=64)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class SignInLink(SQLModel, table=True):
    """A link that signs one person in, once."""

    __tablename__ = "sign_in_link"

    id: str = key()
    person_id: str = ref("person.id", index=True)
    digest: str = Field(max_length=64, unique=True)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class BrowserSession(SQLModel, table=True):
    """Somebody signed in with a browser."""

    __tablename__ = "browser_session"

    id: str = key()
    person_id: str = ref("person.id", index=True)
    digest: str = Field(max_length=64, unique=True)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
