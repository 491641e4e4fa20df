"""The names by which other systems know our things."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.fields import Key


class ExternalIdentity(SQLModel, table=True):
    """(source, external id) is unique per kind of object: a CRM finds its records again by it."""

    __tablename__ = "external_identity"
    __table_args__ = (
        UniqueConstraint("object_type", "source", "external_id", name="external_identity_unique"),
        Index("external_identity_of", "object_id"),
    )

    object_id: str = Field(sa_type=Key, primary_key=True)
    source: str = Field(max_length=64, primary_key=True)
    external_id: str = Field(max_length=512, primary_key=True)
    object_type: str = Field(max_length=32)
