"""Read what mail people want, and who stands behind the link in a mail. Private: their own, admins and auditors all."""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from app.config import Settings
from app.credentials import seal, unseal
from app.db import DbSession
from app.errors import NotFound
from app.models import MailSetting
from app.models.tables import mail_setting, person
from app.queries.rows import first_row
from app.rules.access import Actor, sees_theirs
from app.rules.reminders import Topic
from app.vocabulary import PersonStatus

_PURPOSE = "mail settings"


def _held(name: str) -> ColumnElement[Any]:
    """Return what holds for a person of a query in which `mail_setting` is joined from the outside."""
    column = mail_setting.c[name]
    usual = literal(MailSetting.model_fields[name].default, column.type)
    return case((mail_setting.c.person_id.is_(None), usual), else_=column).label(name)


WANTED = tuple(_held(name) for name in ("reminders", "digest", "quiet_from", "quiet_to"))
"""What somebody wants to hear, with or without settings of their own. Needs `with_settings`."""


def with_settings(query: Select[Any]) -> Select[Any]:
    """Return a query of people with their settings, where they have any."""
    return query.outerjoin(mail_setting, mail_setting.c.person_id == person.c.id)


_SETTINGS = with_settings(
    select(
        person.c.id.label("person_id"),
        person.c.email,
        person.c.time_zone,
        *WANTED,
        mail_setting.c.language,
        func.coalesce(mail_setting.c.version, 0).label("version"),
        mail_setting.c.updated_at,
    ).select_from(person)
)


def mail_settings_of(db: DbSession, person_id: str, *, actor: Actor) -> Any:
    """Return what mail somebody wants. Without settings of their own it is what holds for everybody, as version 0.
    Raises NotFound. One statement.
    """
    if not sees_theirs(actor, person_id):
        raise NotFound
    return first_row(db, _SETTINGS.where(person.c.id == person_id))


def unsubscribe_url(settings: Settings, person_id: str, topic: Topic) -> str:
    """Return where somebody says which mail they want, for a mail about a topic: a page, and what RFC 8058 posts to.
    The same for every mail, so that one that is sent again has the same bytes.
    """
    token = seal(f"{topic} {person_id}".encode(), secret_key=settings.secret_key.get_secret_value(), purpose=_PURPOSE)
    return f"{settings.public_url.rstrip('/')}/r/{token}/mail"


def behind_token(db: DbSession, token: str, *, settings: Settings) -> tuple[Any, Topic]:
    """Return what mail the reader of a mail wants, and what that mail was about. Raises NotFound when the token was
    altered or made by somebody else, and when the reader has left. One statement.
    """
    payload = unseal(token, secret_key=settings.secret_key.get_secret_value(), purpose=_PURPOSE)
    if payload is None:
        raise NotFound
    topic, _, person_id = payload.decode().partition(" ")
    here = person.c.id == person_id, person.c.status != PersonStatus.LEFT
    return first_row(db, _SETTINGS.where(*here)), Topic(topic)
