"""Who may see and do what. The one place that decides; queries take a scope from here."""

from dataclasses import dataclass

from app.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a credential, its role, and the person behind it if there is one."""

    credential_id: str
    role: Role
    person_id: str | None

    @property
    def name(self) -> str:
        """What events record as the one who acted."""
        return self.person_id or self.credential_id


SYSTEM = Actor(credential_id="system", role=Role.ADMIN, person_id=None)
"""The house itself: jobs, imports and commands typed by the operator of the machine."""


def runs_the_house(actor: Actor) -> bool:
    """Whether the actor administers everything."""
    return actor.role is Role.ADMIN


def may_act_for(actor: Actor, person_id: str) -> bool:
    """Whether the actor may see and change what is private to this person."""
    return runs_the_house(actor) or actor.person_id == person_id


def may_set_level(actor: Actor, person_id: str, *, mentors: frozenset[str], managers: frozenset[str]) -> str | None:
    """As what the actor may state a skill level of this person: admin, manager, mentor or self; None: not at all."""
    if runs_the_house(actor):
        return "admin"
    if actor.person_id in managers:
        return "manager"
    if actor.person_id in mentors:
        return "mentor"
    return "self" if actor.person_id == person_id else None
