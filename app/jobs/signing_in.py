"""Send sign-in links. The secret is made when it is sent, so that no job, and no backup of one, lets anybody in."""

from datetime import datetime, timedelta

from sqlalchemy import select

from app import ids
from app.db import DbSession
from app.ical.entries import Attendee
from app.jobs.context import JobContext
from app.jobs.notices import Letter
from app.jobs.posting import post
from app.models.tables import mail_setting, person
from app.operations.installation import installation_id
from app.operations.sign_in import create_sign_in_link
from app.queries.entries import Desk
from app.queries.message_templates import words_for
from app.rules.access import SYSTEM
from app.rules.templates import fill
from app.vocabulary import MessageKind, PersonStatus

_WAITED_FOR = timedelta(minutes=15)
"""Nobody sits in front of that page any longer."""


def send_link(context: JobContext) -> None:
    """Send a new link to the person `person_id`, for the browser of `browser_digest`; to nobody when that is null, for
    who asked must not learn whether there is somebody. At least once, each time with a link of its own.
    """
    payload, now = context.payload, context.clock()
    asked_at = datetime.fromisoformat(payload["asked_at"])
    if payload["person_id"] is None or now - asked_at > _WAITED_FOR:
        return
    letter = context.write(lambda db: _letter(db, context, now=now))
    if letter is None:
        return
    message = letter.written(Desk.of(context.settings))
    post(context, message_id=letter.message_id, recipient=letter.to.email, message=message)


def _letter(db: DbSession, context: JobContext, *, now: datetime) -> Letter | None:
    """Make a link and the mail with it; None when its person has left."""
    query = select(person.c.name, person.c.email, person.c.status, mail_setting.c.language)
    query = query.outerjoin(mail_setting, mail_setting.c.person_id == person.c.id)
    row = db.execute(query.where(person.c.id == context.payload["person_id"])).first()
    if row is None or row.status is PersonStatus.LEFT:
        return None
    secret = create_sign_in_link(
        db,
        person_id=context.payload["person_id"],
        browser_digest=context.payload["browser_digest"],
        actor=SYSTEM,
        now=now,
    )
    link = f"{context.settings.public_url.rstrip('/')}/login/t/{secret}"
    words = fill(words_for(db, MessageKind.SIGN_IN, row.language), {"name": row.name, "link": link})
    return Letter(
        message_id=f"{ids.new('sgn', now)}@{installation_id(db)}",
        to=Attendee(row.name, row.email),
        words=words,
        date=now,
        unsubscribe_url=None,
        can_wait=False,
    )
