"""Tell people by mail what changed in their calendar: load, talk, record (RFC 5546, RFC 6047)."""

from collections.abc import Mapping

import structlog

from app.adapters.mail import MailRefused, MailUnavailable
from app.db import DbSession
from app.ical import imip, itip
from app.ical.entries import EntryStatus
from app.ical.write import Method
from app.jobs.context import Hopeless, JobContext
from app.jobs.posting import InTrouble, post
from app.operations.entries import Letter, hand_to_mail, mail_taken
from app.operations.reply_addresses import ReplyTo
from app.queries.entries import Desk, Drawn, Subject
from app.queries.message_templates import language_of_owner, words_for
from app.queries.session_history import note_of_entry
from app.rules.messages import CATALOGUE
from app.rules.templates import Fact, Words, fill, html
from app.rules.wording import day, times, when
from app.vocabulary import MessageKind

log = structlog.get_logger("earshot.mail")


def send_invite(context: JobContext) -> None:
    """Send the current revision of the entry `entry_id` to its owner, unless they have it.

    At least once: after a crash the same message goes again, under the same Message-ID and SEQUENCE. Raises what `post`
    does, and `Hopeless` when nobody took it and the entry is over. Of what is over nobody hears for the first time, and
    an address that takes no mail hears of nothing: neither leaves a job for anybody to see to. What is refused though
    its address is good stays, as a dead job: once relay or settings are mended, it can be run again.
    """
    desk = Desk.of(context.settings)
    handed = context.write(lambda db: _hand(db, context.payload["entry_id"], desk))
    if handed is None:
        return
    letter, words, note = handed
    over = letter.drawn.ends_at <= context.clock()
    if over and not letter.again:
        return
    try:
        post(
            context,
            message_id=letter.message_id,
            recipient=letter.drawn.recipient.email,
            message=written(letter, words, note=note, reply_to=ReplyTo.of(context.settings).address(letter.drawn.id)),
        )
    except InTrouble:
        log.info("invite not sent", entry_id=letter.drawn.id)  # why is in the trouble with the address, which may go
        return
    except (MailRefused, MailUnavailable) as failure:
        if over:
            raise Hopeless(str(failure)) from failure
        raise
    fragment = letter.drawn.fragment()
    context.write(lambda db: mail_taken(db, letter=letter, fragment=fragment, desk=desk))


def _hand(db: DbSession, entry_id: str, desk: Desk) -> tuple[Letter, Words, str] | None:
    letter = hand_to_mail(db, entry_id=entry_id, desk=desk)
    if letter is None:
        return None
    kind = kind_of(letter)
    note = note_of_entry(db, entry_id) if "note" in CATALOGUE[kind].names else ""
    return letter, words_for(db, kind, language_of_owner(db, entry_id)), note


def kind_of(letter: Letter) -> MessageKind:
    """Return what a revision says: that something is new, has changed, or is off."""
    new, changed, cancelled = _KINDS[letter.drawn.subject]
    if letter.drawn.entry.status is EntryStatus.CANCELLED:
        return cancelled
    return changed if letter.again else new


def written(letter: Letter, words: Words, *, note: str = "", reply_to: str | None = None) -> bytes:
    """Return the whole mail in these words. `note`: what was written to those who read that something is off. Pure: the
    same revision in the same words gives the same bytes.
    """
    drawn, entry = letter.drawn, letter.drawn.entry
    cancelled = entry.status is EntryStatus.CANCELLED
    method: Method = "CANCEL" if cancelled else "REQUEST"
    facts: dict[str, Fact] = {
        "name": drawn.recipient.name,
        "what": entry.summary,
        "when": _when(drawn),
        "link": entry.url or "",
        "note": note,
    }
    said = fill(words, facts)
    return imip.message(
        calendar=itip.cancel(entry) if cancelled else itip.request(entry),
        method=method,
        sender=entry.organizer,
        recipient=drawn.recipient,
        subject=said.subject,
        text=said.text,
        html=html(said.text),
        message_id=letter.message_id,
        date=entry.changed_at,
        reply_to=reply_to,
    )


_KINDS: Mapping[Subject, tuple[MessageKind, MessageKind, MessageKind]] = {
    Subject.SEAT: (MessageKind.SEAT_BOOKED, MessageKind.SEAT_CHANGED, MessageKind.SEAT_CANCELLED),
    Subject.HOSTING: (MessageKind.HOSTING_BOOKED, MessageKind.HOSTING_CHANGED, MessageKind.HOSTING_CANCELLED),
    Subject.SESSION: (MessageKind.SESSION_BOOKED, MessageKind.SESSION_CHANGED, MessageKind.SESSION_CANCELLED),
    Subject.SERIES: (MessageKind.SERIES_BOOKED, MessageKind.SERIES_CHANGED, MessageKind.SERIES_CANCELLED),
}
"""What the first mail of an entry is, a later one, and the last."""


def _when(drawn: Drawn) -> tuple[str, ...]:
    """Say when, in the recipient's zone and naming it: `Monday 23 November 2026, 10:00–10:30 (Europe/London)`.

    Of a series it says when it begins and ends, and of what was still to come at this change, where it differs.
    """
    entry, zone = drawn.entry, drawn.time_zone
    first = when(entry.starts_at, entry.ends_at, zone)
    series = entry.recurrence
    if series is None or entry.status is EntryStatus.CANCELLED:
        return (first,)
    return (
        f"First: {first}",
        f"Last: {day(drawn.ends_at, zone)}",
        *(f"Not on {day(at, zone)}" for at in series.dropped if at > entry.changed_at),
        *(
            f"{day(one.slot, zone)} is now {times(one.starts_at, one.ends_at, zone)}"
            for one in series.overrides
            if one.slot > entry.changed_at
        ),
    )
