"""Who should hear a call, and why: a host is told what somebody wants to learn, and never a level."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.rules.needs import need


class Why(StrEnum):
    """What speaks for an observer."""

    WANTS_SKILL = "wants_skill"
    OWN_MENTOR = "own_mentor"
    OWN_MANAGER = "own_manager"
    UNHEARD_TYPE = "unheard_type"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for an observer; `skill` is the one they want."""

    code: Why
    skill: str | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who might hear the call: what they want to learn and can do, and what they heard lately."""

    id: str
    wants: Mapping[str, int]
    levels: Mapping[str, int]
    mentors: Collection[str]
    manager: str | None
    heard: Mapping[str, int]
    """Sessions on calls in the last four weeks, by call type."""

    @property
    def heard_lately(self) -> int:
        """How many they were."""
        return sum(self.heard.values())


def order(listener: Listener, skills: Sequence[str]) -> tuple[int, int, str]:
    """Sort by need, then by who heard fewest calls lately, then by id."""
    return -need(listener.wants, listener.levels, skills), listener.heard_lately, listener.id


def reasons(listener: Listener, *, host_id: str, call_type: str, skills: Sequence[str]) -> tuple[Reason, ...]:
    """Return what speaks for them: the skills they want most first."""
    wanted = sorted((skill for skill in skills if listener.wants.get(skill)), key=lambda s: (-listener.wants[s], s))
    found = [Reason(Why.WANTS_SKILL, skill) for skill in wanted]
    if host_id in listener.mentors:
        found.append(Reason(Why.OWN_MENTOR))
    if host_id == listener.manager:
        found.append(Reason(Why.OWN_MANAGER))
    if not listener.heard.get(call_type):
        found.append(Reason(Why.UNHEARD_TYPE))
    return tuple(found)
