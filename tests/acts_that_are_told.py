"""What tests of notices are made with: who acts, a match that starts, an endpoint that is switched off."""

from sqlalchemy import insert

from app.db import DbSession
from app.models import Person
from app.models.tables import match, program, webhook_endpoint
from app.operations.events import tell
from app.rules.access import SYSTEM, Actor
from app.vocabulary import DisabledBecause, EndpointStatus, MatchStatus, Role
from tests.harness import NOW


def by(who: Person) -> Actor:
    """Somebody acting for themselves."""
    return Actor(f"key_{who.name}", Role.REP, who.id)


def a_match(db: DbSession, mentee: Person, mentor: Person) -> str:
    """A match that has just started."""
    db.execute(
        insert(program).values(id="prg_1", name="New AEs", version=1, created_at=NOW, updated_at=NOW, is_default=False)
    )
    made = {"program_id": "prg_1", "mentee_id": mentee.id, "mentor_id": mentor.id, "status": MatchStatus.ACTIVE}
    stamped = {"version": 1, "created_at": NOW, "updated_at": NOW}
    db.execute(insert(match).values(id="mat_1", score=1, terms={}, pinned=False, **made, **stamped))
    tell(db, "match.started", "mat_1", version=1, actor=SYSTEM, now=NOW)
    return "mat_1"


def an_endpoint_off(db: DbSession, because: DisabledBecause) -> None:
    """A webhook endpoint that has just been switched off."""
    db.execute(
        insert(webhook_endpoint).values(
            id=f"whe_{because}",
            name="CRM sync",
            url="https://crm.example/hook",
            secret="whsec_1",
            status=EndpointStatus.DISABLED,
            disabled_because=because,
            version=3,
            created_at=NOW,
            updated_at=NOW,
        )
    )
    tell(db, "webhook_endpoint.disabled", f"whe_{because}", version=3, actor=SYSTEM, now=NOW)
