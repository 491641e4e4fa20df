"""Read the words of mails: those of the house, else ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, literal, select, union

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import calendar_entry, mail_setting, message_template
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.rules.messages import CATALOGUE, LANGUAGE, languages
from app.rules.templates import Words, unknown_tokens
from app.vocabulary import MessageKind


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of mail in one language; version 0: ours."""

    kind: MessageKind
    language: str
    words: Words
    version: int
    updated_at: datetime | None


def template_of(db: DbSession, kind: MessageKind, language: str) -> Template:
    """Return the words of this kind in this language, given in its customary case. Raises NotFound when neither the
    house nor we have any.
    """
    found = db.execute(_ALL.where(_EACH.c.kind == kind, _EACH.c.language == language)).first()
    if found is None:
        raise NotFound
    return _template(found)


def list_templates(db: DbSession, page: PageRequest) -> PageOf[Any]:
    """Return a page of all words, the house's in place of ours, by kind and language. One statement."""
    found = fetch(db, _ALL, page, Order(_EACH.c.kind, _EACH.c.language))
    return PageOf([_template(row) for row in found.rows], found.next_cursor)


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
