"""Tell people by mail what changed in their calendar: load, talk, record (RFC 5546, RFC 6047)."""

from html import escape
from zoneinfo import ZoneInfo

from app.adapters.mail import MailRefused, MailUnavailable, mailer
from app.ical import imip, itip
from app.ical.entries import EntryStatus
from app.ical.write import Method
from app.jobs.context import Hopeless, JobContext
from app.operations.entries import Letter, hand_to_mail, mail_taken
from app.queries.entries import Desk, Drawn
from app.vocabulary import Part


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
    recipient, over = letter.drawn.recipient, letter.drawn.entry.ends_at <= context.clock()
    if over and not letter.again:
        return
    try:
        mailer(context.settings).send(letter.message_id, recipient.email, written(letter))
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
    url = drawn.entry.url or ""
    text = f"{greeting}\n\n{news}\n\n{what}\n{when}\n\n{url}\n"
    html = (
        f"<p>{escape(greeting)}</p>\n<p>{escape(news)}</p>\n"
        f"<p><strong>{escape(what)}</strong><br>{escape(when)}</p>\n"
        f'<p><a href="{escape(url)}">{escape(url)}</a></p>\n'
    )
    return text, html


def _news(letter: Letter) -> str:
    drawn, again = letter.drawn, letter.again
    cancelled = drawn.entry.status is EntryStatus.CANCELLED
    if drawn.part is Part.HOST:
        if cancelled:
            return "Nobody sits in on this call any more. There is nothing for you to do."
        now = "Who sits in on your call, or when, has changed." if again else "You will have company on your call."
        return f"{now} They only listen; there is nothing for you to prepare."
    if cancelled:
        return "This one is off: your seat on the call is free again, and so is your time."
    return "Your seat has changed. Here is what holds now." if again else "You have a seat on this call. Enjoy it."


def _when(drawn: Drawn) -> str:
    """Say when, in the recipient's zone and naming it: `Monday 23 November 2026, 10:00–10:30 (Europe/London)`."""
    zone = ZoneInfo(drawn.time_zone)
    starts_at, ends_at = drawn.entry.starts_at.astimezone(zone), drawn.entry.ends_at.astimezone(zone)
    day = f"{starts_at:%A} {starts_at.day} {starts_at:%B %Y}"
    return f"{day}, {starts_at:%H:%M}–{ends_at:%H:%M} ({drawn.time_zone})"
