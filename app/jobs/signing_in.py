"""Send sign-in links, and tell an address that they go elsewhere now. The secret is made when it is sent, so that no
job, and no backup of one, lets anybody in.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from app import ids
from app.db import DbSession, transaction
from app.ical.entries import Attendee
from app.jobs.context import JobContext
from app.jobs.notices import Letter
from app.jobs.posting import post
from app.models.tables import event, event_detail, mail_setting, person
from app.operations.installation import installation_id
from app.operations.sign_in import create_sign_in_link
from app.queries.entries import Desk
from app.queries.message_templates import words_for
from app.rules.access import SYSTEM
from app.rules.templates import fill
from app.rules.wording import moment
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


def tell_old_address(context: JobContext) -> None:
    """Tell the address that the person `person_id` had before `version` that it is another now: if somebody moved it to
    get in as them, nothing else says so. The address is only in the audit; what is erased there is told to nobody. At
    least once, under the same Message-ID.
    """
    with transaction(context.engine, writes=False) as db:
        letter = _news_for_old_address(db, context)
    if letter is not None:
        message = letter.written(Desk.of(context.settings))
        post(context, message_id=letter.message_id, recipient=letter.to.email, message=message)


def _news_for_old_address(db: DbSession, context: JobContext) -> Letter | None:
    person_id, version = context.payload["person_id"], context.payload["version"]
    query = select(
        event.c.id, event.c.at, event_detail.c.detail, person.c.name, person.c.time_zone, mail_setting.c.language
    )
    query = query.join(event_detail, event_detail.c.event_id == event.c.id)
    query = query.join(person, person.c.id == event.c.object_id)
    query = query.outerjoin(mail_setting, mail_setting.c.person_id == person.c.id)
    told = event.c.act == "person.changed", event.c.object_id == person_id, event.c.version == version
    row = db.execute(query.where(*told)).first()
    email = None if row is None else row.detail.get("before", {}).get("email")
    if row is None or not email:
        return None
    link = f"{context.settings.public_url.rstrip('/')}/me/security"
    facts = {"name": row.name, "when": moment(row.at, row.time_zone), "link": link}
    return Letter(
        message_id=f"{row.id}@{installation_id(db)}",
        to=Attendee(row.name, email),
        words=fill(words_for(db, MessageKind.ADDRESS_CHANGED, row.language), facts),
        date=row.at,
        unsubscribe_url=None,
        can_wait=False,
    )


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
