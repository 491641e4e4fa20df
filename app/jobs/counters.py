"""Tell calendars that a time which they suggested is not taken (DECLINECOUNTER, RFC 5546 section 3.2.8)."""

from app.db import transaction
from app.ical import imip, itip
from app.jobs.context import JobContext
from app.jobs.posting import InTrouble, post
from app.operations.reply_addresses import ReplyTo
from app.queries.entries import Desk
from app.queries.message_templates import language_of_owner, words_for
from app.queries.replies import TimeStays, time_that_stays
from app.rules.templates import Words, fill, html
from app.rules.wording import when
from app.vocabulary import MessageKind


def send_counter(context: JobContext) -> None:
    """Tell the owner of the entry `entry_id` that it stays, or of its series the occurrence `session_id`; `once` names
    the suggestion. At least once, under the same Message-ID. Raises what `post` does; an address that takes no mail
    hears of nothing.
    """
    desk = Desk.of(context.settings)
    with transaction(context.engine, writes=False) as db:
        stays = time_that_stays(db, **context.payload, desk=desk)
        words = words_for(db, MessageKind.TIME_STAYS, language_of_owner(db, context.payload["entry_id"]))
    if stays is None:
        return
    mail = _written(stays, words, ReplyTo.of(context.settings).address(stays.drawn.id))
    recipient = stays.drawn.recipient.email
    try:
        post(context, message_id=stays.message_id, recipient=recipient, message=mail)
    except InTrouble:
        return


def _written(stays: TimeStays, words: Words, reply_to: str | None) -> bytes:
    drawn, entry = stays.drawn, stays.drawn.entry
    times = stays.one or entry
    facts = {
        "name": drawn.recipient.name,
        "what": entry.summary,
        "when": when(times.starts_at, times.ends_at, drawn.time_zone),
        "link": entry.url or "",
    }
    said = fill(words, facts)
    return imip.message(
        calendar=itip.decline_counter(entry, stays.one),
        method="DECLINECOUNTER",
        sender=entry.organizer,
        recipient=drawn.recipient,
        subject=said.subject,
        text=said.text,
        html=html(said.text),
        message_id=stays.message_id,
        date=entry.changed_at,
        reply_to=reply_to,
    )
