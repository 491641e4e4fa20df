"""The same company as the two CSV files that a team would import (UTF-8 without a byte order mark, RFC 4180)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from app.demo.diary import runs
from app.demo.shapes import Company, DemoPerson, WorkingHours

_PEOPLE = [
    "external_id",
    "name",
    "email",
    "time_zone",
    "role",
    "team",
    "manager_email",
    "started_on",
    "languages",
    "segments",
    "as",
    "capacity",
    "skills",
    "wants",
    "teaches",
    "working_hours",
]
_CALLS = [
    "external_id",
    "title",
    "type",
    "host_email",
    "starts_at",
    "ends_at",
    "account",
    "account_segment",
    "language",
    "stage",
    "meeting_url",
    "seats",
]
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def people_csv(company: Company) -> str:
    """Return one line per person, managers before their reports.

    `as` and `capacity` are empty for those who are neither mentee nor mentor; a skill that is not listed is level 0.
    """
    emails = _emails(company)
    return _csv(_PEOPLE, (_person(person, emails) for person in company.people))


def calls_csv(company: Company) -> str:
    """Return one line per call by time; `seats` is 0 on an account without observers, else empty (by type)."""
    emails = _emails(company)
    accounts = {account.external_id: account for account in company.accounts}
    lines = []
    for call in company.calls:
        account = accounts[call.account_external_id]
        lines.append(
            {
                "external_id": call.external_id,
                "title": call.title,
                "type": call.type,
                "host_email": emails[call.host_external_id],
                "starts_at": _instant(call.starts_at),
                "ends_at": _instant(call.ends_at),
                "account": account.name,
                "account_segment": account.segment,
                "language": call.language,
                "stage": call.stage,
                "meeting_url": call.meeting_url,
                "seats": "" if account.observers_allowed else "0",
            }
        )
    return _csv(_CALLS, lines)


def _person(person: DemoPerson, emails: Mapping[str, str]) -> dict[str, str]:
    return {
        "external_id": person.external_id,
        "name": person.name,
        "email": person.email,
        "time_zone": person.time_zone,
        "role": person.role,
        "team": person.team.name if person.team else "",
        "manager_email": emails[person.manager_external_id] if person.manager_external_id else "",
        "started_on": person.started_on.isoformat(),
        "languages": ";".join(person.languages),
        "segments": ";".join(person.segments),
        "as": person.kind if person.kind in ("mentee", "mentor") else "",
        "capacity": str(person.capacity) if person.kind == "mentor" else "",
        "skills": ";".join(f"{skill.slug}={skill.level}" for skill in person.skills if skill.level),
        "wants": ";".join(f"{skill.slug}={skill.wants}" for skill in person.skills if skill.wants),
        "teaches": ";".join(skill.slug for skill in person.skills if skill.teaches),
        "working_hours": _working_hours(person.working_hours),
    }


def _working_hours(hours: Sequence[WorkingHours]) -> str:
    """Write hours as `Mon-Thu 08:00-16:00; Fri 08:00-12:00`: one group per stretch of days with the same range."""
    weekdays: dict[tuple[str, str], int] = {}
    for item in hours:
        weekdays[item.start, item.end] = weekdays.get((item.start, item.end), 0) | 1 << (item.weekday - 1)
    return "; ".join(
        f"{_stretch(first, count)} {start}-{end}"
        for (start, end), days in weekdays.items()
        for first, count in runs(days)
    )


def _stretch(first: int, count: int) -> str:
    return _WEEKDAYS[first] if count == 1 else f"{_WEEKDAYS[first]}-{_WEEKDAYS[first + count - 1]}"


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _emails(company: Company) -> dict[str, str]:
    return {person.external_id: person.email for person in company.people}


def _csv(columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
