"""The first start: the installation id, the skills and call types that ship, the default program."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import ids
from app.db import DbSession
from app.models import CallType, CallTypeSkill, Installation, Program, Skill
from app.models.tables import installation
from app.operations.events import tell_many
from app.rules.access import SYSTEM

SKILLS = (
    "prospecting.research", "prospecting.opening", "prospecting.gatekeeper",
    "discovery.agenda", "discovery.questioning", "discovery.business_impact", "discovery.qualification",
    "demo.storytelling", "demo.tailoring", "demo.technical",
    "objections.price", "objections.competitor", "objections.timing",
    "negotiation.value", "negotiation.procurement", "negotiation.concessions",
    "closing.next_step", "closing.mutual_plan", "closing.ask",
    "account.expansion", "account.renewal",
    "craft.listening", "craft.product", "craft.crm_hygiene",
)  # fmt: skip

# slug: seats, words in a title, deal stages, skills that an observer hears
CALL_TYPES: dict[str, tuple[int, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "discovery": (
        2,
        ("discovery", "intro", "needs", "goals", "qualification"),
        ("prospecting", "discovery", "qualification"),
        ("prospecting.opening", "discovery.agenda", "discovery.questioning", "discovery.business_impact",
         "discovery.qualification", "craft.listening", "closing.next_step"),
    ),
    "demo": (
        3,
        ("demo", "demonstration", "walkthrough", "presentation"),
        ("evaluation", "demo"),
        ("demo.storytelling", "demo.tailoring", "objections.competitor", "craft.product", "closing.next_step"),
    ),
    "technical": (
        2,
        ("technical", "architecture", "security", "integration", "pilot", "api"),
        ("validation", "technical", "pilot"),
        ("demo.technical", "craft.product", "objections.competitor", "discovery.questioning"),
    ),
    "negotiation": (
        1,
        ("negotiation", "pricing", "commercial", "procurement", "contract", "proposal", "terms"),
        ("proposal", "negotiation", "closing"),
        ("objections.price", "objections.timing", "negotiation.value", "negotiation.procurement",
         "negotiation.concessions", "closing.ask", "closing.mutual_plan"),
    ),
    "renewal": (
        2,
        ("renewal", "expansion", "business review", "qbr"),
        ("renewal", "expansion", "customer"),
        ("account.renewal", "account.expansion", "negotiation.value", "craft.listening"),
    ),
    "other": (1, (), (), ("craft.listening",)),
}  # fmt: skip


def first_start(db: DbSession, *, now: datetime) -> Installation:
    """Make the installation what every installation starts as. Does nothing when it was started before."""
    found = db.get(Installation, 1)
    if found is not None:
        return found
    made = Installation(id=f"{ids.secret(60)}.earshot", created_at=now)
    stamped: dict[str, Any] = {"created_at": now, "updated_at": now}
    db.add(made)
    db.add_all([Skill(slug=slug, name=_title(slug), **stamped) for slug in SKILLS])
    for slug, (seats, keywords, stages, _) in CALL_TYPES.items():
        db.add(
            CallType(
                slug=slug,
                name=slug.capitalize(),
                seat_capacity=seats,
                keywords=list(keywords),
                stages=list(stages),
                **stamped,
            )
        )
    program = Program(id=ids.new("prg", now), name="Call shadowing", is_default=True, **stamped)
    db.add(program)
    db.flush()
    db.add_all(
        [CallTypeSkill(call_type=kind, skill=slug) for kind, (*_, skills) in CALL_TYPES.items() for slug in skills]
    )
    db.flush()
    tell_many(db, "installation.started", [(made.id, 1)], actor=SYSTEM, now=now)
    return made


def installation_id(db: DbSession) -> str:
    """Return the id that every calendar UID of this installation ends with. It never changes: a connection reads it
    once.
    """
    known = db.connection().info
    if "installation_id" not in known:
        known["installation_id"] = db.execute(select(installation.c.id)).scalar_one()
    found: str = known["installation_id"]
    return found


def _title(slug: str) -> str:
    group, _, rest = slug.partition(".")
    return f"{group.capitalize()}: {rest.replace('_', ' ').replace('crm', 'CRM')}"
