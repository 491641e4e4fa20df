"""Who works at the demo company: teams, the manager tree, hours, languages and skills."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle, islice
from typing import Literal

from app.demo.names import address, person_name
from app.demo.shapes import DemoPerson, DemoSkill, Kind, Team, WorkingHours

ONLY_TAUGHT_SKILL = "negotiation.procurement"
_OTHER_SKILLS = (
    "prospecting.research",
    "prospecting.opening",
    "prospecting.gatekeeper",
    "discovery.agenda",
    "discovery.questioning",
    "discovery.business_impact",
    "discovery.qualification",
    "demo.storytelling",
    "demo.tailoring",
    "demo.technical",
    "objections.price",
    "objections.competitor",
    "objections.timing",
    "negotiation.value",
    "negotiation.concessions",
    "closing.next_step",
    "closing.mutual_plan",
    "closing.ask",
    "account.expansion",
    "account.renewal",
    "craft.listening",
    "craft.product",
    "craft.crm_hygiene",
)
SKILLS = (*_OTHER_SKILLS, ONLY_TAUGHT_SKILL)

SEGMENTS = {"mid_market": "Mid-Market", "enterprise": "Enterprise", "smb": "Small Business"}


@dataclass(frozen=True, slots=True)
class _Region:
    """Where a team's people sit; the n-th mentor and junior of a team live in the n-th zone."""

    name: str
    manager_zone: str
    mentor_zones: tuple[str, ...]
    junior_zones: tuple[str, ...]


# A junior in Sydney shares hours with the Americas only, one in Kolkata with Europe only: every zone of a junior
# meets at least three mentors' zones in every team layout.
_REGIONS = (
    _Region(
        "Americas",
        "America/New_York",
        ("America/New_York", "America/Chicago", "America/Los_Angeles", "America/Sao_Paulo"),
        ("America/New_York", "America/Chicago", "America/Phoenix", "America/Sao_Paulo", "America/Los_Angeles"),
    ),
    _Region(
        "Europe and Asia",
        "Europe/London",
        ("Europe/London", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney"),
        ("Europe/London", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney", "Europe/London"),
    ),
)

# (first weekday, last weekday, start, end). New York also covers the west coast, Kolkata covers Europe, and Sydney
# starts early: else the far zones would share no hour with anybody.
_HOURS: dict[str, tuple[tuple[tuple[int, int, str, str], ...], ...]] = {
    "America/New_York": (((1, 5, "10:00", "18:30"),), ((1, 5, "09:30", "18:00"),)),
    "America/Chicago": (((1, 5, "09:00", "17:30"),), ((1, 5, "08:30", "17:00"),)),
    "America/Los_Angeles": (((1, 5, "08:00", "16:30"),), ((1, 5, "09:00", "17:30"),)),
    "America/Phoenix": (((1, 5, "08:00", "16:30"),),),
    "America/Sao_Paulo": (((1, 5, "09:00", "12:00"), (1, 5, "13:00", "18:00")),),
    "Europe/London": (((1, 5, "09:00", "17:30"),), ((1, 5, "08:30", "17:00"),)),
    "Europe/Berlin": (((1, 4, "08:30", "17:30"), (5, 5, "08:30", "14:00")), ((1, 5, "09:00", "17:30"),)),
    "Asia/Kolkata": (((1, 5, "12:30", "21:00"),), ((1, 5, "13:00", "21:30"),)),
    "Australia/Sydney": (((1, 5, "07:00", "15:30"),),),
}

# Language beside English, and how many in a hundred speak it.
_SECOND_LANGUAGE = {
    "America/New_York": ("es", 25),
    "America/Los_Angeles": ("es", 40),
    "America/Phoenix": ("es", 40),
    "America/Sao_Paulo": ("pt", 100),
    "Europe/London": ("fr", 25),
    "Europe/Berlin": ("de", 100),
    "Asia/Kolkata": ("hi", 100),
}

_TENURE_DAYS: dict[Kind, tuple[int, int]] = {
    "mentee": (14, 180),
    "mentor": (2 * 365, 8 * 365),
    "manager": (4 * 365, 10 * 365),
    "admin": (3 * 365, 6 * 365),
}
_ROLES: dict[Kind, Literal["admin", "manager"]] = {"manager": "manager", "admin": "admin"}
_REPORTS_OF_A_DIRECTOR = 7
_MENTOR_CAPACITY = 2
_WEEKS_WITH_SHARED_HOURS = 26


def staff(
    rng: random.Random, *, teams: int, mentors: int, juniors: int, today: date
) -> tuple[tuple[Team, ...], tuple[DemoPerson, ...]]:
    """Return the teams and everybody in them (`mentors` and `juniors` per team), managers before their reports."""
    hiring = _Hiring(rng, today)
    plan = [_team(number) for number in range(teams)]
    managers: list[DemoPerson] = []
    for number, (team, segment, region) in enumerate(plan):
        boss = managers[(number - 1) // _REPORTS_OF_A_DIRECTOR].external_id if number else None
        managers.append(hiring.person("manager", region.manager_zone, team, boss, (segment,)))
    people = [*managers, hiring.person("admin", "America/Chicago", None, managers[0].external_id, tuple(SEGMENTS))]
    for (team, segment, region), manager in zip(plan, managers, strict=True):
        for zone in region.mentor_zones[:mentors]:
            other = rng.choice([word for word in SEGMENTS if word != segment])
            known = (segment, other) if rng.random() < 0.5 else (segment,)
            people.append(hiring.person("mentor", zone, team, manager.external_id, known))
        people += [
            hiring.person("mentee", zone, team, manager.external_id, (segment,))
            for zone in region.junior_zones[:juniors]
        ]
    return tuple(team for team, _, _ in plan), _with_skills(rng, people)


class _Hiring:
    """Hands out numbers and names that nobody bears yet."""

    def __init__(self, rng: random.Random, today: date) -> None:
        self._rng = rng
        self._today = today
        self._taken_names: set[str] = set()
        self._hired = 0

    def person(
        self, kind: Kind, zone: str, team: Team | None, manager: str | None, segments: tuple[str, ...]
    ) -> DemoPerson:
        self._hired += 1
        name = person_name(self._rng, zone, self._taken_names)
        second, percent = _SECOND_LANGUAGE.get(zone, ("", 0))
        return DemoPerson(
            external_id=f"p-{self._hired:04}",
            name=name,
            email=address(name),
            time_zone=zone,
            role=_ROLES.get(kind, "rep"),
            kind=kind,
            team=team,
            manager_external_id=manager,
            started_on=self._today - timedelta(days=self._rng.randint(*_TENURE_DAYS[kind])),
            languages=("en", second) if self._rng.random() * 100 < percent else ("en",),
            segments=segments,
            capacity=_MENTOR_CAPACITY if kind == "mentor" else 0,
            skills=(),
            working_hours=_working_hours(self._rng.choice(_HOURS[zone])),
            exceptions=self._days_off(),
            busy=(),
        )

    def _days_off(self) -> tuple[date, ...]:
        # At most one in a fortnight: never two in one week, which would leave a far pair less than two shared hours.
        monday = self._today - timedelta(days=self._today.weekday())
        weeks = sorted(self._rng.sample(range(0, _WEEKS_WITH_SHARED_HOURS, 2), self._rng.randint(2, 4)))
        return tuple(monday + timedelta(weeks=week, days=self._rng.randrange(5)) for week in weeks)


def only_teacher(people: Sequence[DemoPerson]) -> DemoPerson:
    """Return the one who alone teaches `ONLY_TAUGHT_SKILL`: the first mentor outside the first team."""
    mentors = [person for person in people if person.kind == "mentor"]
    return next(person for person in mentors if person.team != mentors[0].team)


def _team(number: int) -> tuple[Team, str, _Region]:
    region = _REGIONS[number % 2]
    segment = tuple(SEGMENTS)[(number // 2 + number % 2) % 3]
    again = number // 6  # six teams use up every region with every segment
    name = f"{region.name} {SEGMENTS[segment]}" + (f" {again + 1}" if again else "")
    return Team(f"t-{number + 1:02}", name), segment, region


def _working_hours(pattern: tuple[tuple[int, int, str, str], ...]) -> tuple[WorkingHours, ...]:
    return tuple(
        WorkingHours(weekday, start, end)
        for weekday in range(1, 8)
        for first, last, start, end in pattern
        if first <= weekday <= last
    )


def _with_skills(rng: random.Random, people: Sequence[DemoPerson]) -> tuple[DemoPerson, ...]:
    taught = _taught(rng, people)
    teachers: Counter[str] = Counter()
    skilled = []
    for person in people:
        wishes = rng.sample(SKILLS, rng.randint(3, 5)) if person.kind == "mentee" else []
        skills = []
        for slug in SKILLS:
            if teaches := slug in taught.get(person.external_id, ()):
                # Two at level 4 come first, so that a skill is scarce only where scarcity is planted.
                level = 4 if teachers[slug] < 2 else rng.choice((3, 4))
                teachers[slug] += 1
            elif person.kind == "mentee":
                level = rng.choices((0, 1, 2), (45, 40, 15))[0]
            else:
                level = 2 if slug == ONLY_TAUGHT_SKILL else rng.choices((2, 3), (60, 40))[0]
            wants = 5 - wishes.index(slug) if slug in wishes else 0
            skills.append(DemoSkill(slug, level, wants, teaches))
        skilled.append(replace(person, skills=tuple(skills)))
    return tuple(skilled)


def _taught(rng: random.Random, people: Sequence[DemoPerson]) -> dict[str, tuple[str, ...]]:
    """Deal the skills round and round, so that each but the planted one has two teachers or more.

    Mentors teach 4–6; managers at least 3, and more in a company with too few mentors to go round twice.
    """
    mentors = [person.external_id for person in people if person.kind == "mentor"]
    managers = [person.external_id for person in people if person.kind == "manager"]
    alone = only_teacher(people).external_id
    shares = {mentor: rng.randint(4, 6) - (mentor == alone) for mentor in mentors}
    missing = 2 * len(_OTHER_SKILLS) - sum(shares.values())
    shares |= dict.fromkeys(managers, max(3, -(-missing // len(managers))))
    circle = cycle(rng.sample(_OTHER_SKILLS, len(_OTHER_SKILLS)))
    taught = {teacher: tuple(islice(circle, share)) for teacher, share in shares.items()}
    taught[alone] += (ONLY_TAUGHT_SKILL,)
    return taught
