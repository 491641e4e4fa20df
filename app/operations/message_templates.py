"""Put words of the house in place of ours in mails, and take them back."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from app.db import DbSession, one_at_a_time
from app.errors import NotFound, Stale
from app.models.tables import event, message_template
from app.operations.changes import check_admin, from_to
from app.operations.events import tell
from app.queries.message_templates import Template, check_tokens, template_of
from app.rules.access import Actor
from app.rules.languages import canonical
from app.rules.templates import Words
from app.vocabulary import MessageKind


def put_template(
    db: DbSession,
    *,
    kind: MessageKind,
    language: str,
    words: Words,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> tuple[Template, bool]:
    """Use these words in mails of this kind to those who read this language, and return them and whether there were
    none of the house before. Refused as `unknown_tokens`. Repeating it changes nothing. Takes turns.
    """
    check_admin(actor)
    check_tokens(kind, words)
    language = canonical(language)
    one_at_a_time(db, f"message template {kind}")
    found = _found(db, kind, language, expected_version=expected_version)
    version = 1 + (_last_version(db, kind, language) if found is None else found.version)
    said = {"subject": words.subject, "text": words.text}
    values = {**said, "version": version, "updated_at": now}
    told: Any = {"version": version, "actor": actor, "now": now, "detail": from_to(_said(found), said)}
    if found is None:
        db.execute(insert(message_template).values(kind=kind, language=language, **values))
        tell(db, "message_template.created", f"{kind}/{language}", **told)
    elif _said(found) != said:
        db.execute(update(message_template).where(*_this(kind, language)).values(**values))
        tell(db, "message_template.changed", f"{kind}/{language}", **told)
    return template_of(db, kind, language, actor=actor), found is None


def delete_template(
    db: DbSession,
    *,
    kind: MessageKind,
    language: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Use our words again, or those of the house in a broader language. Raises NotFound when the house has none in this
    one. Takes turns.
    """
    check_admin(actor)
    language = canonical(language)
    one_at_a_time(db, f"message template {kind}")
    found = _found(db, kind, language, expected_version=expected_version)
    if found is None:
        raise NotFound
    db.execute(delete(message_template).where(*_this(kind, language)))
    detail = from_to(_said(found), {})
    version = found.version + 1
    tell(db, "message_template.deleted", f"{kind}/{language}", version=version, actor=actor, now=now, detail=detail)


def _found(db: DbSession, kind: MessageKind, language: str, *, expected_version: int | None) -> Any:
    """Return the row, None when there is none. Raises Stale; our own words are version 0."""
    found = db.execute(select(message_template).where(*_this(kind, language))).first()
    if expected_version not in (None, found.version if found else 0):
        raise Stale("Read it again, then change it.")
    return found


def _said(found: Any) -> dict[str, str]:
    return {} if found is None else {"subject": found.subject, "text": found.text}


def _last_version(db: DbSession, kind: MessageKind, language: str) -> int:
    """Return the last version that any words had here, also such as were deleted: no version ever names two."""
    mine = event.c.object_type == "message_template", event.c.object_id == f"{kind}/{language}"
    return db.execute(select(func.max(event.c.version)).where(*mine)).scalar() or 0


def _this(kind: MessageKind, language: str) -> tuple[ColumnElement[bool], ...]:
    return message_template.c.kind == kind, message_template.c.language == language
