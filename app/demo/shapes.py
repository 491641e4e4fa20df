"""What a demo company consists of: plain frozen values, ready to be sent through the REST API."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Kind = Literal["mentee", "mentor", "manager", "admin"]
CallType = Literal["discovery", "demo", "technical", "negotiation", "renewal"]
Interval = tuple[datetime, datetime]
"""Half-open [starts_at, ends_at), aware, UTC."""


@dataclass(frozen=True, slots=True)
class Team:
    """People who sell to the same customers under one manager."""

    external_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DemoSkill:
    """What one person can do (level 0–4), wishes to learn (wants 0–5) and is willing to teach."""

    slug: str
    level: int
    wants: int
    teaches: bool


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Wall-clock hours on an ISO weekday (1 = Monday) in the person's own zone: [start, end), written `09:00`."""

    weekday: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who works here; `exceptions` are whole days off, `busy` what another calendar says of the four weeks."""

    external_id: str
    name: str
    email: str
    time_zone: str
    role: Literal["admin", "manager", "rep"]
    kind: Kind
    team: Team | None
    manager_external_id: str | None
    started_on: date
    languages: tuple[str, ...]
    segments: tuple[str, ...]
    capacity: int
    skills: tuple[DemoSkill, ...]
    working_hours: tuple[WorkingHours, ...]
    exceptions: tuple[date, ...]
    busy: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A customer; `time_zone` is where its people sit and `language` what they speak on calls."""

    external_id: str
    name: str
    segment: str
    time_zone: str
    language: str
    observers_allowed: bool


@dataclass(frozen=True, slots=True)
class DemoCall:
    """A live customer conversation, [starts_at, ends_at) in UTC."""

    external_id: str
    title: str
    type: CallType
    host_external_id: str
    account_external_id: str
    starts_at: datetime
    ends_at: datetime
    language: str
    stage: str
    meeting_url: str


@dataclass(frozen=True, slots=True)
class Planted:
    """The cases that every company holds, so that pages, docs and tests can point at them by external id."""

    isolated_juniors: tuple[str, str]
    overloaded_host: str
    only_teacher: str
    only_taught_skill: str
    account_without_observers: str


@dataclass(frozen=True, slots=True)
class Company:
    """A whole company: people before their reports, calls by time."""

    teams: tuple[Team, ...]
    people: tuple[DemoPerson, ...]
    accounts: tuple[DemoAccount, ...]
    calls: tuple[DemoCall, ...]
    planted: Planted
