"""Shapes that many nouns share: bodies, lists, external identities, batches."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from app.vocabulary import ExternalId, Instant, Source, YesNo

T = TypeVar("T")


class Body(BaseModel):
    """A request body: unknown fields are refused, naming the known ones."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(given, dict) and not given.keys() <= {*known, *cls.model_fields}:
            raise PydanticCustomError(
                "unknown_field", "holds an unknown field. Known here: {known}", {"known": ", ".join(known)}
            )
        return given


class Read(BaseModel):
    """A response: built from rows or objects by attribute, no defaults, so every field is always there."""

    model_config = ConfigDict(from_attributes=True)


class ExternalRef(Body):
    """How another system names this object."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    source: Source = Field(examples=["hubspot:42"])
    id: ExternalId = Field(examples=["123"])


class Listing(BaseModel, Generic[T]):
    """One page of a list. `next_cursor` goes into `cursor` for the next one."""

    data: list[T]
    has_more: bool
    next_cursor: str | None


class BatchError(BaseModel):
    """Why one item of a batch was refused."""

    code: str
    detail: str
    errors: list[dict[str, str]]


class BatchItem(BaseModel):
    """What became of one item of a batch."""

    index: int
    status: Literal["created", "updated", "unchanged", "error"]
    id: str | None
    changed_fields: list[str]
    error: BatchError | None


class BatchRead(BaseModel):
    """What became of a batch, item by item."""

    data: list[BatchItem]


class Rejected:
    """An item that does not fit its schema; the others of its batch go on."""

    def __init__(self, error: ValidationError) -> None:
        self.errors = error.errors(include_url=False, include_input=False)


def _rejecting(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError as error:
        return Rejected(error)


ItemByItem = WrapValidator(_rejecting)
"""Annotates the items of a batch, so that a bad one becomes `Rejected` in place of refusing them all."""


def absent() -> Any:
    """Return the field of a patch or upsert body that may be left out but, being given, must fit its type."""
    return Field(default_factory=lambda: None)


ExternalUpdatedAt = Annotated[
    Instant | None, Field(description="When the source last changed it; an older one than we know changes nothing.")
]
Atomic = Annotated[YesNo, Field(description="All items or none.")]
