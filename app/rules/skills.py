"""What somebody may say of a person's skills."""

from dataclasses import dataclass

TEACHES_FROM = 3
"""The level from which a person may host observers for a skill, and so teach it."""

SAYS_ALL = frozenset({"self", "admin"})
"""Who states wishes and teaching too; mentors and managers state levels."""


@dataclass(frozen=True, slots=True)
class SkillState:
    """What stands for one person and skill; a skill that is absent is in the state without arguments."""

    level: int = 0
    wants: int = 0
    teaches: bool = False


def may_change(before: SkillState, after: SkillState, *, said_as: str) -> bool:
    """Whether somebody who speaks as this (`access.may_set_level`) may make this change.

    Wishes and the will to teach are the person's own. Mentors and managers may only end teaching: the level that they
    lower may no longer carry it.
    """
    if said_as in SAYS_ALL:
        return True
    return before.wants == after.wants and (before.teaches or not after.teaches)
