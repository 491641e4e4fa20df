"""Let people in: one-time links, and identities at an OpenID provider. Each secret is shown once."""

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, select, update

from app import credentials, ids
from app.db import DbSession, one_at_a_time
from app.errors import Conflict, Forbidden, Gone
from app.models import SignInIdentity, SignInLink
from app.models.tables import person, sign_in_identity, sign_in_link
from app.operations.browser_sessions import Browser, check_own, start_session
from app.operations.events import tell
from app.operations.jobs import SOON, enqueue
from app.operations.people import create_person, patch_person
from app.queries.access import link_to_use, opened_by, usable_link
from app.queries.people import ids_by_email
from app.rules.access import SYSTEM, Actor
from app.vocabulary import PersonStatus, Role, SignedInBy

LINK_LIFE = timedelta(minutes=15)


class LinkUsed(Gone):
    """The sign-in link was used, has expired, or never was."""

    code = "link_used"
    title = "This sign-in link is used up"
    noted = True


class LinkElsewhere(Forbidden):
    """The sign-in link was asked for in another browser, and works only there."""

    code = "link_elsewhere"
    title = "This sign-in link was asked for in another browser"
    noted = True


class NobodyHere(Forbidden):
    """The provider vouches for somebody whom nobody here is known to be."""

    code = "nobody_here"
    title = "Nobody here has this identity"
    noted = True


class IdentityTaken(Conflict):
    """This identity signs somebody else in."""

    code = "identity_taken"
    title = "This identity signs somebody else in"
    noted = True


def ask_for_link(db: DbSession, *, email: str, asked: str, now: datetime) -> None:
    """Have a sign-in link sent to whoever has this address (lower case), for the browser that keeps the secret `asked`.
    Nobody can tell from what it does, or for how long, whether there is somebody: one look and one job either way.
    """
    person_id = ids_by_email(db, [email]).get(email)
    payload = {
        "person_id": person_id,
        "browser_digest": credentials.digest(asked),
        "asked_at": now.isoformat(),
    }
    enqueue(db, "sign_in_mail", payload, priority=SOON, now=now)


def create_sign_in_link(
    db: DbSession, *, person_id: str, browser_digest: str | None = None, actor: Actor, now: datetime
) -> str:
    """Make a link that signs this person in once within 15 minutes, in the browser that asked for it if one did, and
    return its secret.
    """
    secret = ids.secret()
    link = SignInLink(
        id=ids.new("lnk", now),
        person_id=person_id,
        digest=credentials.digest(secret),
        browser_digest=browser_digest,
        created_at=now,
        expires_at=now + LINK_LIFE,
    )
    db.add(link)
    db.flush()
    tell(db, "sign_in_link.created", link.id, version=1, actor=actor, now=now)
    return secret


def check_link(db: DbSession, secret: str, *, asked: str | None, now: datetime) -> str:
    """Return the name of who a sign-in link would sign in. Raises LinkUsed when it can't be used any more, and
    LinkElsewhere when it can be in another browser: the one that keeps what it asked with.
    """
    found = link_to_use(db, secret, asked=asked, now=now)
    if found is None:
        raise LinkUsed("Ask for a new one.")
    if not found.is_here:
        raise LinkElsewhere("Open it in the browser that asked for it, or ask for a new one here.")
    name: str = found.name
    return name


def redeem_sign_in_link(
    db: DbSession, *, secret: str, asked: str | None = None, browser: Browser | None = None, now: datetime
) -> str:
    """Use up a link and return the secret of a new browser session. Refused as `link_used` or `link_elsewhere`, which
    use nothing up; of two rivals one wins.
    """
    used = db.execute(
        update(sign_in_link)
        .where(usable_link(secret, now=now), opened_by(asked))
        .values(used_at=now)
        .returning(sign_in_link.c.person_id)
    ).first()
    if used is None:
        check_link(db, secret, asked=asked, now=now)
        raise LinkUsed("Ask for a new one.")  # the rival won between the two
    return start_session(db, person_id=used.person_id, by=SignedInBy.LINK, browser=browser or Browser(), now=now)


def sign_in_with_identity(
    db: DbSession, *, issuer: str, subject: str, verified_email: str | None, browser: Browser, now: datetime
) -> str:
    """Sign in whom this provider means by this subject, and return the secret of the new browser session.

    An identity that nobody has becomes, once and for ever, that of the one whose address the provider has verified, if
    they have none there yet: from then on the subject counts alone (OIDC Core section 5.7). Else refused as
    `nobody_here`.
    """
    one_at_a_time(db, f"identity {issuer}")
    theirs = sign_in_identity.c.issuer == issuer, sign_in_identity.c.subject == subject
    here = and_(sign_in_identity.c.person_id == person.c.id, person.c.status != PersonStatus.LEFT)
    person_id = db.execute(select(person.c.id).join(sign_in_identity, here).where(*theirs)).scalar()
    if person_id is None:
        person_id = _linked_by_email(db, issuer=issuer, subject=subject, email=verified_email, now=now)
    return start_session(db, person_id=person_id, by=SignedInBy.OIDC, browser=browser, now=now)


def connect_identity(db: DbSession, *, issuer: str, subject: str, actor: Actor, now: datetime) -> None:
    """Let this identity sign the actor in. Safe to repeat. Refused as `identity_taken` when it is somebody else's."""
    check_own(actor)
    one_at_a_time(db, f"identity {issuer}")
    found = db.get(SignInIdentity, (issuer, subject))
    if found is not None and found.person_id != actor.person_id:
        raise IdentityTaken("Sign in with it to see whose it is, or use another one.")
    if found is None and actor.person_id is not None:
        _link(db, issuer=issuer, subject=subject, person_id=actor.person_id, actor=actor, now=now)


def disconnect_identities(db: DbSession, *, issuer: str, actor: Actor, now: datetime) -> None:
    """Let no identity at this provider sign the actor in any more. Safe to repeat."""
    check_own(actor)
    mine = sign_in_identity.c.issuer == issuer, sign_in_identity.c.person_id == actor.person_id
    gone = db.execute(delete(sign_in_identity).where(*mine).returning(sign_in_identity.c.person_id)).first()
    if gone is not None:
        tell(db, "person.identity_disconnected", gone.person_id, version=1, actor=actor, now=now)


def first_admin(db: DbSession, *, email: str, name: str, time_zone: str, now: datetime) -> str | None:
    """Make whoever has this address (lower case) an admin where there is none, and somebody of that name where nobody
    has it; return their id. None, and nothing done, where there is an admin already.
    """
    one_at_a_time(db, "first admin")
    admins = select(person.c.id).where(person.c.role == Role.ADMIN, person.c.status != PersonStatus.LEFT)
    if db.execute(admins.limit(1)).first() is not None:
        return None
    known = ids_by_email(db, [email]).get(email)
    if known is None:
        fields = {"name": name, "email": email, "time_zone": time_zone, "role": Role.ADMIN}
        return create_person(db, fields=fields, actor=SYSTEM, now=now).id
    changes = {"role": Role.ADMIN, "status": PersonStatus.ACTIVE}
    return patch_person(db, person_id=known, changes=changes, actor=SYSTEM, now=now).id


def _linked_by_email(db: DbSession, *, issuer: str, subject: str, email: str | None, now: datetime) -> str:
    """Link an identity to who has the address that its provider has verified. Raises NobodyHere."""
    here = person.c.email == email, person.c.status != PersonStatus.LEFT
    known = select(sign_in_identity.c.person_id).where(sign_in_identity.c.issuer == issuer)
    person_id: str | None = db.execute(select(person.c.id).where(*here, person.c.id.not_in(known))).scalar()
    taken = db.get(SignInIdentity, (issuer, subject)) is not None  # by somebody who has left
    if email is None or person_id is None or taken:
        raise NobodyHere("Ask an admin, or sign in with a link and connect it there.")
    _link(db, issuer=issuer, subject=subject, person_id=person_id, actor=SYSTEM, now=now)
    return person_id


def _link(db: DbSession, *, issuer: str, subject: str, person_id: str, actor: Actor, now: datetime) -> None:
    db.add(SignInIdentity(issuer=issuer, subject=subject, person_id=person_id, linked_at=now))
    db.flush()
    tell(db, "person.identity_connected", person_id, version=1, actor=actor, now=now)
