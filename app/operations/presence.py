"""Say how one works now: heads down, dialling, or open to be asked."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from app.db import DbSession
from app.errors import Fault, Forbidden
from app.models.tables import presence as presences
from app.operations.changes import check_version
from app.operations.events import tell
from app.operations.refused import Past
from app.queries import people
from app.queries.access import check_acts
from app.rules.access import Actor, is_theirs
from app.vocabulary import Presence


def set_presence(
    db: DbSession,
    *,
    person_id: str,
    presence: Presence,
    until: datetime | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Say how somebody works now, up to `until` or until they say otherwise; who is open is so without an end. They do
    it themselves, or an admin. Repeating it changes nothing. Locks the person.
    """
    people.person_by_id(db, person_id, actor=actor)
    if not is_theirs(actor, person_id):
        check_acts(actor)
        raise Forbidden("Everybody says for themselves how they work now.")
    if until is not None and until <= now:
        raise Past("Say up to when it holds.", faults=(Fault("/until", "past", "must be later than now"),))
    people.lock_people(db, [person_id])
    found = db.execute(select(presences).where(presences.c.person_id == person_id)).one_or_none()
    if found is not None:
        check_version(found, expected_version)
    values: dict[str, Any] = {"presence": presence, "until": None if presence is Presence.OPEN else until}
    if found is None and presence is Presence.OPEN:
        return  # as who never said anything
    if found is not None and (found.presence, found.until) == (values["presence"], values["until"]):
        return
    version = 1 if found is None else found.version + 1
    stamped = {**values, "version": version, "updated_at": now}
    if found is None:
        db.execute(insert(presences).values(person_id=person_id, **stamped))
    else:
        db.execute(update(presences).where(presences.c.person_id == person_id).values(**stamped))
    tell(db, "presence.changed", person_id, version=version, actor=actor, now=now)
