"""Keep what was made of calendar entries true: which revision mail has, the bytes kept of it, and when a name in it
changes.

Mail goes in three steps: `hand_to_mail`, the talk with no transaction open, `mail_taken`. Whatever changes in between
belongs to a later revision (`invites` counts it), so each revision has one content.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update

from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.models.tables import call, call_type_skill, participant, person, power_hour_part, seat, session
from app.operations.installation import installation_id
from app.queries.entries import Desk, Drawn, Fragment, drawn_entries
from app.vocabulary import EntryStatus, Part, PersonStatus

_REMEMBERED = timedelta(days=31)
"""No feed shows what ended longer ago."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One revision on its way to its recipient. The same revision has the same `message_id` for ever."""

    drawn: Drawn
    message_id: str
    again: bool
    """Whether mail took an earlier revision over. The first one that is sent may have any SEQUENCE."""


def hand_to_mail(db: DbSession, *, entry_id: str, desk: Desk) -> Letter | None:
    """Note that this revision is about to be sent and return it; None when there is nothing to say.

    Nothing is said twice, nobody hears that something they never heard of is off, and nobody who has left is invited.
    Locks the entry, so a change waits and is the next revision. Safe to repeat.
    """
    found = db.execute(
        select(entry.c.sequence, entry.c.status, entry.c.mailing_sequence, entry.c.mailed_sequence, person.c.status)
        .join(person, person.c.id == entry.c.person_id)
        .where(entry.c.id == entry_id)
        .with_for_update(key_share=True, of=entry)
    ).first()
    if found is None:
        return None
    sequence, status, mailing, mailed, person_status = found
    cancelled = status is EntryStatus.CANCELLED
    if mailed == sequence or (mailing is None if cancelled else person_status is PersonStatus.LEFT):
        return None
    db.execute(update(entry).where(entry.c.id == entry_id).values(mailing_sequence=sequence))
    drawn = drawn_entries(db, [entry_id], desk=desk)[0]
    return Letter(drawn, f"{entry_id}.{sequence}@{installation_id(db)}", again=mailed is not None)


def mail_taken(db: DbSession, *, letter: Letter, fragment: Fragment, desk: Desk) -> None:
    """Note that mail took this revision over, and keep its bytes. A later revision stays as it is. Safe to repeat."""
    sent = letter.drawn.entry.sequence
    unheard = or_(entry.c.mailed_sequence.is_(None), entry.c.mailed_sequence < sent)
    db.execute(update(entry).where(entry.c.id == letter.drawn.id, unheard).values(mailed_sequence=sent))
    keep_fragments(db, [fragment], desk=desk)


def keep_fragments(db: DbSession, fragments: Sequence[Fragment], *, desk: Desk) -> None:
    """Keep these bytes with their entries, but for entries that have changed since. Safe to repeat."""
    if not fragments:
        return
    # On the connection: the ORM would take many sets of parameters for rows to update by primary key.
    db.connection().execute(
        update(entry)
        .where(entry.c.id == bindparam("entry_id"), entry.c.changed_at == bindparam("seen_at"))
        .values(vevent=bindparam("content"), renderer=desk.edition),
        [{"entry_id": one.entry_id, "seen_at": one.row_changed_at, "content": one.content} for one in fragments],
    )


def shown_anew(db: DbSession, kind: str, object_id: str, changed: Iterable[str], *, now: datetime) -> None:
    """Make a later state of every entry that shows one of these changed fields, so that feeds tell the new words.

    No mail: a new name is no reason to ask anybody anything. Locks the entries by id. Does nothing for fields that no
    entry shows.
    """
    changed = frozenset(changed)
    which = [showing(object_id) for fields, showing in _SHOWN.get(kind, ()) if not fields.isdisjoint(changed)]
    if not which:
        return
    query = select(entry.c.id, entry.c.changed_at).where(or_(*which), entry.c.ends_at > now - _REMEMBERED)
    found = db.execute(query.order_by(entry.c.id).with_for_update(key_share=True)).all()
    if not found:
        return
    second = timedelta(seconds=1)  # as calendars count, each state must be later than the one before
    db.connection().execute(
        update(entry)
        .where(entry.c.id == bindparam("entry_id"))
        .values(changed_at=bindparam("at"), vevent=None, renderer=None),
        [{"entry_id": row.id, "at": max(now, row.changed_at + second)} for row in found],
    )


def _about_calls(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for the entries of such calls, and of the debriefs that follow their seats."""
    wanted = select(call.c.id).where(which)
    followed = select(session.c.id).where(session.c.call_id.in_(wanted))
    debriefs = select(session.c.id).where(session.c.follows_id.in_(followed))
    return or_(entry.c.call_id.in_(wanted), entry.c.session_id.in_(debriefs))


def _naming(person_id: str) -> ColumnElement[bool]:
    """Return the condition for a person's own entries, those of the observers of their calls, of their hosts, of all
    they meet, and of the power hours that they are in.
    """
    sat_in = select(seat.c.call_id).where(seat.c.observer_id == person_id)
    own = select(participant.c.session_id).where(participant.c.person_id == person_id)
    return or_(
        entry.c.person_id == person_id,
        entry.c.session_id.in_(own),
        entry.c.series_id.in_(select(session.c.series_id).where(session.c.id.in_(own))),
        and_(entry.c.part == Part.HOST, entry.c.call_id.in_(sat_in)),
        entry.c.power_hour_id.in_(
            select(power_hour_part.c.power_hour_id).where(power_hour_part.c.person_id == person_id)
        ),
    )


def _on_clocks_of(person_id: str) -> ColumnElement[bool]:
    """Return the condition for a person's entries that say times in words."""
    return and_(entry.c.person_id == person_id, entry.c.power_hour_id.is_not(None))


def _teaching(skill: str) -> ColumnElement[bool]:
    types = select(call_type_skill.c.call_type).where(call_type_skill.c.skill == skill)
    return _about_calls(call.c.type.in_(types))


def _answered(session_id: str) -> ColumnElement[bool]:
    """Return the condition for the entries that show what was answered to a session: its own, those of its series, and
    its call's host's.
    """
    on_call = select(session.c.call_id).where(session.c.id == session_id)
    in_series = select(session.c.series_id).where(session.c.id == session_id)
    return or_(
        entry.c.session_id == session_id,
        entry.c.series_id.in_(in_series),
        and_(entry.c.part == Part.HOST, entry.c.call_id.in_(on_call)),
    )


_SHOWN: Mapping[str, Sequence[tuple[frozenset[str], Callable[[str], ColumnElement[bool]]]]] = {
    "person": ((frozenset({"name", "email"}), _naming), (frozenset({"time_zone"}), _on_clocks_of)),
    "account": ((frozenset({"name"}), lambda key: _about_calls(call.c.account_id == key)),),
    "call": ((frozenset({"type", "account_id", "meeting_url"}), lambda key: _about_calls(call.c.id == key)),),
    "call_type": ((frozenset({"skills"}), lambda key: _about_calls(call.c.type == key)),),
    "skill": ((frozenset({"name"}), _teaching),),
    "session": ((frozenset({"response"}), _answered),),
    "power_hour": ((frozenset({"name"}), lambda key: entry.c.power_hour_id == key),),
}
"""Kind of object to the fields of it that entries show, and which entries those are (`queries/entries.py`)."""
