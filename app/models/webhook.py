"""Who hears of events from outside, and what was sent to them."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, plain_json, ref
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, WebhookFormat

_WAITING = text("status = 'waiting'")


class WebhookEndpoint(SQLModel, table=True):
    """A URL that is told of events. An endpoint that fails rests as a whole, so that it takes nobody else's time."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (CheckConstraint("failures >= 0", name="webhook_endpoint_failures"),)

    id: str = key()
    name: str = Field(max_length=200)
    url: str = Field(max_length=4000)
    """Sealed: of a chat, it is all that one needs to write there."""
    format: WebhookFormat = one_of(WebhookFormat, default=WebhookFormat.STANDARD)
    acts: list[str] = plain_json(default_factory=list)
    """Which acts it hears of, such as `seat.booked` or `session.*`; empty: all that are published."""
    secret: str = Field(max_length=300)
    """Signs what is sent; `whsec_…`, shown once, sealed here."""
    previous_secret: str | None = Field(default=None, max_length=300)
    previous_secret_until: datetime | None = None
    """Until when both secrets sign."""
    status: EndpointStatus = one_of(EndpointStatus, default=EndpointStatus.ENABLED)
    disabled_because: DisabledBecause | None = one_of(DisabledBecause, default=None, nullable=True)
    failing_since: datetime | None = None
    """The first failure after the last success."""
    failures: int = 0
    """In a row."""
    paused_until: datetime | None = None
    slow: bool = False
    """Its last answer took long, or never came: it waits in a line of its own."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Delivery(SQLModel, table=True):
    """One event for one endpoint, as the bytes that are sent. However often it is sent, it is one, with one id."""

    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id", name="delivery_once"),
        Index("delivery_waiting", "endpoint_id", "sequence", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("delivery_of_endpoint", "endpoint_id", "id"),
        CheckConstraint("attempts >= 0", name="delivery_attempts"),
    )

    id: str = key()
    endpoint_id: str = ref("webhook_endpoint.id")
    event_id: str = Field(max_length=48, index=True)
    act: str = Field(max_length=64)
    sequence: int = Field(sa_type=BigInteger)
    body: bytes = Field(sa_type=LargeBinary)
    status: DeliveryStatus = one_of(DeliveryStatus, default=DeliveryStatus.WAITING)
    attempts: int = 0
    due_at: datetime
    """When it is tried next, as long as it waits."""
    created_at: datetime
    updated_at: datetime


class DeliveryAttempt(SQLModel, table=True):
    """One try, and what came of it: a status, or why there was none."""

    __tablename__ = "delivery_attempt"

    id: str = key()
    delivery_id: str = ref("delivery.id", index=True)
    at: datetime
    elapsed_ms: int
    status_code: int | None = None
    why: str | None = Field(default=None, max_length=300)
    answer: str | None = Field(default=None, max_length=512)
    """The beginning of what the other side said."""
