"""Who may see and do what. The one place that decides; queries take a scope from here.

| role | sees | changes |
| --- | --- | --- |
| admin | everything | everything |
| integration (a key) | everything where its scopes let it in | everything there, but not who may do what |
| auditor | everything | how they sign in, and how their pages look |
| program manager | own programs, own reporting tree, own | own programs; acts for own tree; own |
| manager | own reporting tree, own | acts for own tree; own |
| rep | own, and what colleagues may know | own |
"""

from collections.abc import Collection
from dataclasses import dataclass

from app.vocabulary import Area, Role

_LEADING = frozenset({Role.MANAGER, Role.PROGRAM_MANAGER})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a credential, its role, and the person behind it if there is one."""

    credential_id: str
    role: Role
    person_id: str | None
    scopes: frozenset[str] | None = None
    """What an API key is let into, such as `calls:read`; None: all that the role may."""
    reports: frozenset[str] = frozenset()
    """Everybody below them in the manager tree, if they lead."""
    programs: frozenset[str] = frozenset()
    """The programs that they run."""
    behind: str | None = None
    """Who really acts, when this is somebody acting on behalf of `person_id`."""

    @property
    def name(self) -> str:
        """What events record as the one who acted."""
        return self.behind or self.person_id or self.credential_id

    @property
    def people(self) -> frozenset[str]:
        """Those for whom they act: themselves, and who reports to them."""
        return self.reports if self.person_id is None else self.reports | {self.person_id}

    @property
    def on_behalf_of_id(self) -> str | None:
        """As whom somebody else acts."""
        return self.person_id if self.behind else None


SYSTEM = Actor(credential_id="system", role=Role.ADMIN, person_id=None)
"""The house itself: jobs, imports and commands typed by the operator of the machine."""


def leads(role: Role) -> bool:
    """Whether those who report to somebody of this role are theirs to see and to act for."""
    return role in _LEADING


def manages_programs(role: Role) -> bool:
    """Whether the programs are somebody's to run for which an admin put them down. An admin runs every program."""
    return role is Role.PROGRAM_MANAGER


def admits(scopes: frozenset[str] | None, area: Area, *, writes: bool) -> bool:
    """Whether a key of these scopes is let into an area. Who may write there may read there."""
    return scopes is None or f"{area}:write" in scopes or (not writes and f"{area}:read" in scopes)


def runs_the_house(actor: Actor) -> bool:
    """Whether the actor administers everything. Of an integration: everything where its scopes let it in."""
    return actor.role in (Role.ADMIN, Role.INTEGRATION)


def sees_the_house(actor: Actor) -> bool:
    """Whether the actor may read everything."""
    return runs_the_house(actor) or actor.role is Role.AUDITOR


def decides_access(actor: Actor) -> bool:
    """Whether the actor may say who may do what: roles, keys, other people's sign-ins, erasure. No integration may, nor
    any key that is let into parts only.
    """
    return actor.role is Role.ADMIN and actor.scopes is None


def reads_the_audit(actor: Actor) -> bool:
    """Whether the actor may read who did what: auditors, and admins as themselves. No integration may."""
    return actor.role in (Role.ADMIN, Role.AUDITOR)


def may_stand_in(actor: Actor) -> bool:
    """Whether the actor may act on somebody's behalf: admins and integrations, by a key that may change people; never
    somebody who does so already.
    """
    return actor.behind is None and runs_the_house(actor) and admits(actor.scopes, Area.PEOPLE, writes=True)


def may_stand_in_for(role: Role) -> bool:
    """Whether others may act on behalf of somebody of this role: of nobody who sees everything."""
    return role in (Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER)


def may_see(actor: Actor, person_id: str) -> bool:
    """Whether the actor may see what is private to this person."""
    return sees_the_house(actor) or may_act_for(actor, person_id)


def acts(actor: Actor) -> bool:
    """Whether the actor changes anything beside how they sign in and how their own pages look. An auditor does not, in
    their own name no more than in that of others: who looks at everything has no part in it.
    """
    return actor.role is not Role.AUDITOR


def may_change_look(actor: Actor, person_id: str) -> bool:
    """Whether the actor may change how this person's pages look to them: on which clock, with which keys."""
    return may_act_for(actor, person_id) or actor.person_id == person_id


def may_act_for(actor: Actor, person_id: str) -> bool:
    """Whether the actor may change what is private to this person: seats, sessions, hours, levels."""
    return is_theirs(actor, person_id) or person_id in actor.reports


def may_act_for_all(actor: Actor, person_ids: Collection[str]) -> bool:
    """Whether the actor may change what several people share. What nobody is left in is for who runs the house."""
    return runs_the_house(actor) or (bool(person_ids) and all(may_act_for(actor, one) for one in person_ids))


def is_theirs(actor: Actor, person_id: str) -> bool:
    """Whether the actor may change what this person alone decides about: calendars, feeds, mail, preferences."""
    return runs_the_house(actor) or (acts(actor) and actor.person_id == person_id)


def sees_theirs(actor: Actor, person_id: str) -> bool:
    """Whether the actor may see what this person alone decides about. Not who leads them: they act in their place."""
    return sees_the_house(actor) or actor.person_id == person_id


def may_see_figures(actor: Actor, person_id: str, *, allowed: bool) -> bool:
    """Whether the actor may see figures of this person: loads, needs, what speaks for them. `allowed`: whether the
    house lets anybody but the person see such figures at all. Who acts on their behalf is somebody else.
    """
    return (actor.person_id == person_id and actor.behind is None) or (allowed and may_see(actor, person_id))


def runs_program(actor: Actor, program_id: str) -> bool:
    """Whether the actor may change a program: its rules, runs, matches and enrolments."""
    return runs_the_house(actor) or program_id in actor.programs


def sees_program(actor: Actor, program_id: str) -> bool:
    """Whether the actor may see what only those see who run a program: drafts, scores, reasons."""
    return sees_the_house(actor) or program_id in actor.programs


def makes_plans(actor: Actor) -> bool:
    """Whether plans are there for the actor, to make or look at: by role, so also while nobody reports to them."""
    return sees_the_house(actor) or leads(actor.role)


def may_set_level(actor: Actor, person_id: str, *, mentors: frozenset[str]) -> str | None:
    """As what the actor may state a skill level of this person: admin, manager, mentor or self; None: not at all."""
    if runs_the_house(actor):
        return "admin"
    if not acts(actor):
        return None
    if person_id in actor.reports:
        return "manager"
    if actor.person_id in mentors:
        return "mentor"
    return "self" if actor.person_id == person_id else None
