"""The form of a power hour: its name and times on the clocks of who fills it in, and who dials and who listens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.errors import Invalid
from app.queries.power_hours import PowerHourPeople
from app.schemas.power_hours import CreatePowerHour
from app.web import hours
from app.web.faces import Face
from app.web.filled import Misfilled, of_refusal, one, read, whole

Form = Mapping[str, tuple[str, ...]]
ROTATIONS = (("10", "10 minutes"), ("15", "15 minutes"), ("20", "20 minutes"), ("30", "30 minutes"))
_PART = "part-"
_WHO = "Choose who dials and who listens: at least one of each, 30 at most."
_WRONG = {
    "name": "Give it a name of one line.",
    "day": "Choose a day.",
    "starts_at": "Say from when: a time that is still to come, such as 10:00.",
    "ends_at": "Say until when: later than it starts, and within four hours.",
    "rotation_minutes": "A turn takes 5 to 120 minutes, and fits between its start and end.",
    "host_ids": _WHO,
    "observer_ids": _WHO,
}
_WHEN = ("day", "from", "to")
_FIELDS = {"starts_at": "from", "ends_at": "to", "host_ids": "people", "observer_ids": "people"}
"""What fields are called in the form that have another name in the API."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may dial or listen."""

    id: str
    face: Face
    part: str
    """`host`, `observer`, or empty."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked for among those who may take part, in a house of many."""

    name: str
    team_id: str
    teams: tuple[tuple[str, str], ...]
    found: int
    has_more: bool
    """Whether there are more of them than the form offers."""


@dataclass(frozen=True, slots=True)
class HourForm:
    """What the form shows: as it is, or as it was sent, to look for others or as what can't be."""

    values: Mapping[str, str]
    choices: tuple[Choice, ...]
    errors: Mapping[str, str]
    rotations: tuple[tuple[str, str], ...] = ROTATIONS
    search: Search | None = None
    """None: all are offered."""


def is_search(form: Form) -> bool:
    """Whether a form was sent to look for people, and not to have what it says."""
    return one(form, "look") != ""


def chosen_in(form: Form) -> list[str]:
    """Return who is chosen in a form, to dial or to listen, in its order."""
    return [name.removeprefix(_PART) for name in form if name.startswith(_PART) and one(form, name)]


def empty_form(people: Iterable[tuple[str, str]], time_zone: str, *, now: datetime) -> HourForm:
    """Return a form for an hour tomorrow morning; `people` are pairs of id and name."""
    tomorrow = now.astimezone(ZoneInfo(time_zone)).date() + timedelta(days=1)
    values = {"day": tomorrow.isoformat(), "from": "10:00", "to": "11:00", "rotation_minutes": "20", "name": ""}
    return HourForm(values, _choices(people, {}), {})


def form_of(row: Any, people: PowerHourPeople, others: Iterable[tuple[str, str]], time_zone: str) -> HourForm:
    """Return the form of a power hour as it is: its people first, in their order, then whom one could add."""
    values = {
        "name": row.name,
        **_shown_times(row, ZoneInfo(time_zone)),
        "rotation_minutes": str(row.rotation_minutes),
        "version": str(row.version),
    }
    parts = dict.fromkeys(people.hosts, "host") | dict.fromkeys(people.observers, "observer")
    named = {one: people.name(one) for one in people.ids} | dict(others)
    rotations = tuple(sorted({*ROTATIONS, _rotation(row.rotation_minutes)}, key=lambda one: int(one[0])))
    return HourForm(values, _choices(named.items(), parts), {}, rotations)


def sent_form(form: Form, shown: HourForm, errors: Mapping[str, str]) -> HourForm:
    """Return a form as it was sent, and what is wrong with it. `shown` offers whom it chose."""
    values = {name: one(form, name) for name in (*shown.values, "version")}
    parts = {name.removeprefix(_PART): one(form, name) for name in form if name.startswith(_PART)}
    choices = tuple(Choice(who.id, who.face, parts.get(who.id, "")) for who in shown.choices)
    return replace(shown, values=values, choices=choices, errors=errors)


def read_form(form: Form, time_zone: str, row: Any = None) -> CreatePowerHour:
    """Return which power hour was asked for, with `row` instead of that one. Raises Misfilled."""
    starts_at, ends_at = _times(form, time_zone, row)
    values = {
        "name": one(form, "name"),
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
        "rotation_minutes": whole(one(form, "rotation_minutes")),
        "host_ids": _who(form, "host"),
        "observer_ids": _who(form, "observer"),
    }
    try:
        return read(CreatePowerHour, values, _WRONG)
    except Misfilled as wrong:
        raise Misfilled(_by_field(wrong)) from wrong


def refused_form(refused: Invalid) -> Misfilled:
    """Return the refusal of an operation as what is wrong with fields of the form."""
    return Misfilled(_by_field(of_refusal(refused, otherwise="name")))


def _by_field(wrong: Misfilled) -> Mapping[str, str]:
    return {_FIELDS.get(name, name): _WRONG.get(name, sentence) for name, sentence in wrong.errors.items()}


def _times(form: Form, time_zone: str, row: Any) -> tuple[datetime, datetime]:
    """Return from when until when it was asked for. Fields that still say what is shown of `row` mean its instants,
    which an hour that comes twice does not tell apart. Raises Misfilled.
    """
    zone = ZoneInfo(time_zone)
    sent, shown = {name: one(form, name) for name in _WHEN}, {} if row is None else _shown_times(row, zone)
    if sent == shown:
        return row.starts_at, row.ends_at
    same_start = row is not None and (sent["day"], sent["from"]) == (shown["day"], shown["from"])
    starts_at = row.starts_at if same_start else _start(sent["day"], sent["from"], zone)
    return starts_at, _end(starts_at, sent["to"], zone)


def _shown_times(row: Any, zone: ZoneInfo) -> dict[str, str]:
    starts_at, ends_at = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    return {"day": starts_at.date().isoformat(), "from": f"{starts_at:%H:%M}", "to": f"{ends_at:%H:%M}"}


def _start(day: str, text: str, zone: ZoneInfo) -> datetime:
    """Return a wall time of a day as an instant: of an hour that comes twice the first. Raises Misfilled."""
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise Misfilled({"day": _WRONG["day"]}) from None
    minute = hours.minute(text)
    if minute is None or not 1970 < on.year < 2100:
        raise Misfilled({"from": _WRONG["starts_at"]})
    return _instant(_wall(on, minute, zone), field="from")


def _end(starts_at: datetime, text: str, zone: ZoneInfo) -> datetime:
    """Return the first instant after the start at which the clock says this: on that day, or on the next. Raises
    Misfilled.
    """
    minute, on = hours.minute(text), starts_at.astimezone(zone).date()
    if minute is None:
        raise Misfilled({"to": _WRONG["ends_at"]})
    walls = (_wall(on + timedelta(days=days), minute, zone, fold) for days in (0, 1) for fold in (0, 1))
    return _instant(next(wall for wall in walls if wall.astimezone(UTC) > starts_at), field="to")


def _wall(on: date, minute: int, zone: ZoneInfo, fold: int = 0) -> datetime:
    """Return a wall time; `fold` is which of two it is (PEP 495)."""
    return datetime(on.year, on.month, on.day, *divmod(minute, 60), tzinfo=zone, fold=fold)


def _instant(wall: datetime, *, field: str) -> datetime:
    """Return the instant of a wall time. Raises Misfilled."""
    found = wall.astimezone(UTC)
    if found.astimezone(wall.tzinfo).replace(fold=0) != wall.replace(fold=0):
        raise Misfilled({field: "The clock skips this time on that day. Choose an hour later."})
    return found


def _who(form: Form, part: str) -> list[str]:
    return [name.removeprefix(_PART) for name in form if name.startswith(_PART) and one(form, name) == part]


def _choices(people: Iterable[tuple[str, str]], parts: Mapping[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(who, Face.of(who, name), parts.get(who, "")) for who, name in people)


def _rotation(minutes: int) -> tuple[str, str]:
    return str(minutes), f"{minutes} minutes"
