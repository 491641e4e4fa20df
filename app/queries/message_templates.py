"""Read the words of mails: those of the house, else ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, literal, select, union

from app.db import DbSession
from app.errors import Fault, Invalid, NotFound
from app.models.tables import calendar_entry, mail_setting, message_template
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, sees_the_house
from app.rules.languages import LANGUAGE, canonical, languages
from app.rules.messages import CATALOGUE
from app.rules.templates import Words, fill, unknown_tokens
from app.vocabulary import MessageKind


class UnknownTokens(Invalid):
    """The words have tokens that a mail of this kind can't fill in, or braces that make no token."""

    code = "unknown_tokens"
    title = "These words have tokens that are unknown here"


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of mail in one language; version 0: ours."""

    kind: MessageKind
    language: str
    words: Words
    version: int
    updated_at: datetime | None


def template_of(db: DbSession, kind: MessageKind, language: str, *, actor: Actor) -> Template:
    """Return the words of this kind in exactly this language. Raises NotFound when neither the house nor we have any,
    and unless the actor is an admin. One statement.
    """
    _check_sight(actor)
    return _template(first_row(db, _ALL.where(_EACH.c.kind == kind, _EACH.c.language == canonical(language))))


def list_templates(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Template]:
    """Return a page of all words, the house's in place of ours, by kind and language. Raises NotFound unless the actor
    is an admin. One statement.
    """
    _check_sight(actor)
    found = fetch(db, _ALL, page, Order(_EACH.c.kind, _EACH.c.language))
    return PageOf([_template(row) for row in found.rows], found.next_cursor)


def preview(
    db: DbSession, kind: MessageKind, language: str, *, subject: str | None, text: str | None, actor: Actor
) -> Words:
    """Return a mail of this kind as readers of this language get it, filled with facts made up for it; a subject or a
    text that is given takes the place of what holds. Raises NotFound unless the actor is an admin.
    """
    _check_sight(actor)
    held = words_for(db, kind, language)
    words = Words(subject or held.subject, text or held.text)
    check_tokens(kind, words)
    return fill(words, CATALOGUE[kind].examples)


def check_tokens(kind: MessageKind, words: Words) -> None:
    """Raise UnknownTokens when nobody could fill these words in a mail of this kind."""
    known = CATALOGUE[kind].names
    named = ", ".join(f"{{{{{name}}}}}" for name in known)
    faults = tuple(
        Fault(f"/{field}", "unknown_token", f"has a token that is unknown here. Known: {named}.")
        for field, template in (("subject", words.subject), ("text", words.text))
        if unknown_tokens(template, known)
    )
    if faults:
        raise UnknownTokens(f"Known here: {named}.", faults=faults, extra={"known": known})


def words_for(db: DbSession, kind: MessageKind, language: str | None) -> Words:
    """Return the words for whoever reads this language first: in it or a broader one, else in ours. One statement.

    Words with tokens that are known no longer are passed over: whatever is in the table, the mail goes out.
    """
    wanted = languages(language)
    mine = message_template.c.kind == kind, message_template.c.language.in_(wanted)
    rows = db.execute(select(message_template).where(*mine)).all()
    for row in sorted(rows, key=lambda row: wanted.index(row.language)):
        if not unknown_tokens(f"{row.subject}\n{row.text}", CATALOGUE[kind].names):
            return Words(row.subject, row.text)
    return CATALOGUE[kind].words


def language_of_owner(db: DbSession, entry_id: str) -> str | None:
    """Return which language the owner of a calendar entry reads first. None when they never said."""
    query = select(mail_setting.c.language).join(calendar_entry, calendar_entry.c.person_id == mail_setting.c.person_id)
    return db.execute(query.where(calendar_entry.c.id == entry_id)).scalar()


def _check_sight(actor: Actor) -> None:
    if not sees_the_house(actor):
        raise NotFound


def _template(row: Any) -> Template:
    words = CATALOGUE[row.kind].words if row.version is None else Words(row.subject, row.text)
    return Template(row.kind, row.language, words, row.version or 0, row.updated_at)


_KIND, _LANGUAGE = message_template.c.kind, message_template.c.language
_OURS: list[Select[Any]] = [
    select(literal(kind, _KIND.type).label("kind"), literal(LANGUAGE, _LANGUAGE.type).label("language"))
    for kind in CATALOGUE
]
_EACH = union(select(_KIND, _LANGUAGE), *_OURS).subquery("each")
_ALL = select(
    _EACH.c.kind,
    _EACH.c.language,
    *(message_template.c[name] for name in ("subject", "text", "version", "updated_at")),
).outerjoin(message_template, and_(_EACH.c.kind == _KIND, _EACH.c.language == _LANGUAGE))
