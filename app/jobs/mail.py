"""Tell people by mail what changed in their calendar: load, talk, record (RFC 5546, RFC 6047)."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from app.adapters.mail import MailRefused, MailUnavailable
from app.ical import imip, itip
from app.ical.entries import EntryStatus
from app.ical.write import Method
from app.jobs.context import Hopeless, JobContext
from app.operations.entries import Letter, hand_to_mail, mail_taken
from app.queries.entries import Desk, Drawn, Subject


def send_invite(context: JobContext) -> None:
    """Send the current revision of the entry `entry_id` to its owner, unless they have it.

    At least once: after a crash the same message goes again, under the same Message-ID and SEQUENCE. Raises
    `MailUnavailable` or `MailRefused` when nobody took it over, `Hopeless` when nobody ever will, or when nobody did
    and the entry is over. Of what is over nobody hears for the first time: that is no failure, just late.
    """
    desk = Desk.of(context.settings)
    letter = context.write(lambda db: hand_to_mail(db, entry_id=context.payload["entry_id"], desk=desk))
    if letter is None:
        return
    recipient, over = letter.drawn.recipient, letter.drawn.ends_at <= context.clock()
    if over and not letter.again:
        return
    try:
        context.outside.mailer.send(letter.message_id, recipient.email, written(letter))
    except (MailRefused, MailUnavailable) as trouble:
        if over or (isinstance(trouble, MailRefused) and trouble.permanent):
            raise Hopeless(str(trouble)) from trouble
        raise
    fragment = letter.drawn.fragment()
    context.write(lambda db: mail_taken(db, letter=letter, fragment=fragment, desk=desk))


def written(letter: Letter) -> bytes:
    """Return the whole mail. Pure: the same revision gives the same bytes."""
    drawn, entry = letter.drawn, letter.drawn.entry
    cancelled = entry.status is EntryStatus.CANCELLED
    method: Method = "CANCEL" if cancelled else "REQUEST"
    text, html = _bodies(letter)
    return imip.message(
        calendar=itip.cancel(entry) if cancelled else itip.request(entry),
        method=method,
        sender=entry.organizer,
        recipient=drawn.recipient,
        subject=_subject(letter),
        text=text,
        html=html,
        message_id=letter.message_id,
        date=entry.changed_at,
    )


def _subject(letter: Letter) -> str:
    entry = letter.drawn.entry
    if entry.status is EntryStatus.CANCELLED:
        return f"Cancelled: {entry.summary}"
    return f"Changed: {entry.summary}" if letter.again else entry.summary


def _bodies(letter: Letter) -> tuple[str, str]:
    """Return the message as text and as HTML, in the same words."""
    drawn = letter.drawn
    greeting, news, what, when = f"Hello {drawn.recipient.name},", _news(letter), drawn.entry.summary, _when(drawn)
    html_when = escape(when).replace("\n", "<br>")
    url = drawn.entry.url or ""
    text = f"{greeting}\n\n{news}\n\n{what}\n{when}\n\n{url}\n"
    html = (
        f"<p>{escape(greeting)}</p>\n<p>{escape(news)}</p>\n"
        f"<p><strong>{escape(what)}</strong><br>{html_when}</p>\n"
        f'<p><a href="{escape(url)}">{escape(url)}</a></p>\n'
    )
    return text, html


_NEWS: Mapping[Subject, tuple[str, str, str]] = {
    Subject.SEAT: (
        "You have a seat on this call. Enjoy it.",
        "Your seat has changed. Here is what holds now.",
        "This one is off: your seat on the call is free again, and so is your time.",
    ),
    Subject.HOSTING: (
        "You will have company on your call. They only listen; there is nothing for you to prepare.",
        "Who sits in on your call, or when, has changed. They only listen; there is nothing for you to prepare.",
        "Nobody sits in on this call any more. There is nothing for you to do.",
    ),
    Subject.SESSION: (
        "You have a new session.",
        "This session has changed. Here is what holds now.",
        "This one is off: your time is free again.",
    ),
    Subject.SERIES: (
        "You have a new series of sessions.",
        "This series has changed. Here is what holds now.",
        "All of this series that was still to come is off: your time is free again.",
    ),
}
"""What the first mail of an entry says, a later one, and the last."""


def _news(letter: Letter) -> str:
    new, changed, cancelled = _NEWS[letter.drawn.subject]
    if letter.drawn.entry.status is EntryStatus.CANCELLED:
        return cancelled
    return changed if letter.again else new


def _when(drawn: Drawn) -> str:
    """Say when, in the recipient's zone and naming it: `Monday 23 November 2026, 10:00–10:30 (Europe/London)`.

    Of a series it says when it begins and ends, and of what was still to come at this change, where it differs.
    """
    entry, zone = drawn.entry, ZoneInfo(drawn.time_zone)
    first = f"{_times(entry.starts_at, entry.ends_at, zone)} ({drawn.time_zone})"
    series = entry.recurrence
    if series is None or entry.status is EntryStatus.CANCELLED:
        return first
    lines = [f"First: {first}", f"Last: {_day(drawn.ends_at.astimezone(zone))}"]
    lines += [f"Not on {_day(at.astimezone(zone))}" for at in series.dropped if at > entry.changed_at]
    lines += [
        f"{_day(one.slot.astimezone(zone))} is now {_times(one.starts_at, one.ends_at, zone)}"
        for one in series.overrides
        if one.slot > entry.changed_at
    ]
    return "\n".join(lines)


def _times(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> str:
    starts_at, ends_at = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return f"{_day(starts_at)}, {starts_at:%H:%M}–{ends_at:%H:%M}"


def _day(shown: datetime) -> str:
    return f"{shown:%A} {shown.day} {shown:%B %Y}"
