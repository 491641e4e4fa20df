"""Read the CSV files that a team imports (RFC 4180, UTF-8): typed rows and what is wrong with the others."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar

from app.rules.accounts import folded
from app.rules.csv_cells import CALLS, PEOPLE, BadCell, Reader, WeeklyHours, settled
from app.vocabulary import Role, Side

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_CHARACTERS = 4_000
"""In one cell."""

Kind = Literal["people", "calls"]


class WrongFile(Exception):
    """Nothing of this file can be imported; its text is one sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong with one row."""

    line: int
    """The physical line of the file on which the row begins; the header is on line 1."""
    column: str
    """Empty when it is about the whole row."""
    code: str
    detail: str
    """A sentence that does not repeat the cell."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person. None or nothing means that the file does not say: the column is absent or the cell is empty."""

    line: int
    name: str
    email: str
    time_zone: str
    external_id: str | None
    role: Role | None
    team: str | None
    manager_email: str | None
    started_on: date | None
    grade: int | None
    languages: tuple[str, ...]
    segments: tuple[str, ...]
    side: Side | None
    capacity: int | None
    levels: tuple[tuple[str, int], ...]
    wants: tuple[tuple[str, int], ...]
    teaches: tuple[str, ...]
    weekly: WeeklyHours


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call. None means that the file does not say."""

    line: int
    external_id: str
    """As given, else made of host, start and title, so that the same call is found again."""
    title: str
    host_email: str
    starts_at: datetime
    ends_at: datetime
    type: str | None
    account: str | None
    account_segment: str | None
    language: str | None
    stage: str | None
    meeting_url: str | None
    seats: int | None


class _HasLine(Protocol):
    @property
    def line(self) -> int: ...


Row = TypeVar("Row", bound=_HasLine)


@dataclass(frozen=True, slots=True)
class CsvFile(Generic[Row]):
    """The good rows, and what is wrong with the others by line. A row is in one of them."""

    rows: tuple[Row, ...]
    errors: tuple[RowError, ...]

    def without(self, bad: Iterable[RowError]) -> "CsvFile[Row]":
        """Return the file with these errors too, and without their rows."""
        found = tuple(bad)
        lines = {error.line for error in found}
        errors = sorted((*self.errors, *found), key=lambda error: error.line)
        return CsvFile(tuple(row for row in self.rows if row.line not in lines), tuple(errors))


COLUMNS: Mapping[Kind, Mapping[str, Reader]] = {"people": PEOPLE, "calls": CALLS}
"""What each kind of file can have, in the order in which we name them."""
REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "people": ("name", "email", "time_zone"),
    "calls": ("title", "host_email", "starts_at"),
}
_ALSO = {"e_mail": "email", "timezone": "time_zone"}

PeopleFile = CsvFile[PersonRow]
CallsFile = CsvFile[CallRow]


def read_people(raw: bytes) -> PeopleFile:
    """Read a file of people; its rows stand after those of their managers. Raises WrongFile."""
    found = _read(raw, "people", PEOPLE, REQUIRED["people"], _person)
    found = found.without(_repeated(found.rows, "external_id", lambda row: row.external_id, "the same external id"))
    found = found.without(_repeated(found.rows, "email", lambda row: row.email, "the same address"))
    return _managers_first(found)


def read_calls(raw: bytes) -> CallsFile:
    """Read a file of calls, whose times have an offset or are local to the row's `time_zone`. Raises WrongFile."""
    found = _read(raw, "calls", CALLS, REQUIRED["calls"], _call)
    found = found.without(_repeated(found.rows, "external_id", lambda row: row.external_id, "the same call"))
    return found.without(_contradictions(found.rows))


def records(raw: bytes, kind: Kind) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of the first line, then of each row that is not blank, with the physical line on which it begins.
    Raises WrongFile.
    """
    text = _text(raw)
    return _records(text, _delimiter(text, COLUMNS[kind]))


def names_of(first: Sequence[str]) -> list[str]:
    """Return the cells of a first line as we write the names of columns: CRMs say `Time Zone` and `E-Mail`."""
    names = [_ALSO.get(name, name) for name in (re.sub(r"[ -]+", "_", cell.strip().lower()) for cell in first)]
    while names and not names[-1]:  # spreadsheets write empty cells behind the last column
        names.pop()
    return names


def _read(
    raw: bytes,
    kind: Kind,
    columns: Mapping[str, Reader],
    required: Sequence[str],
    build: Callable[[int, Mapping[str, Any]], Row],
) -> CsvFile[Row]:
    following = records(raw, kind)
    _, first = next(following)
    header = _header(first, kind, columns, required)
    rows: list[Row] = []
    errors: list[RowError] = []
    for count, (line, cells) in enumerate(following, start=1):
        if count > MOST_ROWS:
            raise WrongFile(f"The file has more than {MOST_ROWS:,} rows: split it.")
        found, wrong = _cells(line, cells, header, columns, required)
        if not wrong:
            try:
                rows.append(build(line, found))
            except BadCell as bad:
                wrong = [_error(line, bad.column, bad)]
        errors += wrong
    if not rows and not errors:
        raise WrongFile("The file has a header and no rows.")
    return CsvFile(tuple(rows), tuple(errors))


_BEGINNINGS = (
    (b"%PDF", "This is a PDF; a CSV file is needed."),
    (b"PK\x03\x04", "This is an Excel workbook or another ZIP archive: save the sheet as CSV UTF-8."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook: save the sheet as CSV UTF-8."),
    (b"\x89PNG", "This is an image; a CSV file is needed."),
    (b"\xff\xd8\xff", "This is an image; a CSV file is needed."),
    (b"GIF8", "This is an image; a CSV file is needed."),
    (b"\x1f\x8b", "This is compressed; send the CSV file itself."),
    (b"\xff\xfe", "The text is UTF-16: save the file as CSV UTF-8."),
    (b"\xfe\xff", "The text is UTF-16: save the file as CSV UTF-8."),
)
"""How files begin that people take for CSV, and what to tell them."""


def _text(raw: bytes) -> str:
    if len(raw) > MOST_BYTES:
        raise WrongFile(f"The file is larger than {MOST_BYTES // 1024**2} MiB: split it.")
    for beginning, what in _BEGINNINGS:
        if raw.startswith(beginning):
            raise WrongFile(what)
    if b"\x00" in raw:
        raise WrongFile("The file holds NUL bytes, so it is not text in UTF-8: save it as CSV UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise WrongFile(f"Line {line} is not UTF-8: save the file as CSV UTF-8.") from None
    if not text.strip():
        raise WrongFile("The file is empty.")
    return text


def _delimiter(text: str, columns: Mapping[str, Reader]) -> str:
    """Return the delimiter that makes most columns of the first line."""
    first = io.StringIO(text, newline="").readline().lower()
    return max(",;\t", key=lambda mark: len(columns.keys() & {name.strip(' \t\r\n"') for name in first.split(mark)}))


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first record, then each that is not blank, with the physical line on which it begins."""
    # newline="" keeps line ends as they are, so that the reader counts the lines of the file.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if line == 1 or any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        detail = "has a quotation mark that is not closed or not doubled"
        raise WrongFile(f"The row that begins on line {line} {detail}.") from None


def _header(first: Sequence[str], kind: Kind, columns: Mapping[str, Reader], required: Sequence[str]) -> list[str]:
    """Return the names of the columns, which are ours, each once, and none is missing. Raises WrongFile."""
    names = names_of(first)
    known = ", ".join(columns)
    missing = [name for name in required if name not in names]
    other, its_columns = ("calls", CALLS) if kind == "people" else ("people", PEOPLE)
    if missing and names and set(names) <= its_columns.keys():
        raise WrongFile(f"This is a file of {other}; a file of {kind} needs {', '.join(required)}.")
    if not columns.keys() & set(names):
        raise WrongFile(f"The first line names no column of a file of {kind}. Known are {known}.")
    if missing:
        raise WrongFile(f"The first line lacks {', '.join(missing)}, which a file of {kind} needs.")
    if kind == "calls" and not {"ends_at", "duration_minutes"} & set(names):
        raise WrongFile("The first line lacks ends_at or duration_minutes: a file of calls needs one of them.")
    if unknown := [str(place) for place, name in enumerate(names, start=1) if name not in columns]:
        raise WrongFile(f"Column {', '.join(unknown[:10])} of the first line is unknown. Known are {known}.")
    if len(set(names)) < len(names):
        raise WrongFile("The first line names a column twice.")
    return names


def _cells(
    line: int, cells: list[str], header: Sequence[str], columns: Mapping[str, Reader], required: Sequence[str]
) -> tuple[dict[str, Any], list[RowError]]:
    """Read the cells of one row; empty ones say nothing."""
    if len(cells) < len(header) or any(cells[len(header) :]):
        detail = f"The row has {len(cells)} cells, the header {len(header)}."
        return {}, [RowError(line, "", "cells", detail)]
    found: dict[str, Any] = {}
    errors: list[RowError] = []
    for column, cell in zip(header, cells, strict=False):
        try:
            if len(cell) > MOST_CHARACTERS:
                raise BadCell("too_long", f"has more than {MOST_CHARACTERS:,} characters")
            if cell:
                found[column] = columns[column](cell)
            elif column in required:
                raise BadCell("required", "is empty")
        except BadCell as bad:
            errors.append(_error(line, column, bad))
    return found, errors


def _error(line: int, column: str, bad: BadCell) -> RowError:
    return RowError(line, column, bad.code, f"`{column}` {bad.detail}.")


def _person(line: int, cells: Mapping[str, Any]) -> PersonRow:
    if "capacity" in cells and "as" not in cells:
        raise BadCell("required", "is needed beside a capacity", column="as")
    return PersonRow(
        line=line,
        name=cells["name"],
        email=cells["email"],
        time_zone=cells["time_zone"],
        external_id=cells.get("external_id"),
        role=cells.get("role"),
        team=cells.get("team"),
        manager_email=cells.get("manager_email"),
        started_on=cells.get("started_on"),
        grade=cells.get("grade"),
        languages=cells.get("languages", ()),
        segments=cells.get("segments", ()),
        side=cells.get("as"),
        capacity=cells.get("capacity"),
        levels=cells.get("skills", ()),
        wants=cells.get("wants", ()),
        teaches=cells.get("teaches", ()),
        weekly=cells.get("working_hours", ()),
    )


def _call(line: int, cells: Mapping[str, Any]) -> CallRow:
    starts_at, ends_at = _times(cells)
    if "account_segment" in cells and "account" not in cells:
        raise BadCell("required", "is needed beside its segment", column="account")
    title, host_email = cells["title"], cells["host_email"]
    return CallRow(
        line=line,
        external_id=cells.get("external_id") or _natural_id(host_email, starts_at, title),
        title=title,
        host_email=host_email,
        starts_at=starts_at,
        ends_at=ends_at,
        type=cells.get("type"),
        account=cells.get("account"),
        account_segment=cells.get("account_segment"),
        language=cells.get("language"),
        stage=cells.get("stage"),
        meeting_url=cells.get("meeting_url"),
        seats=cells.get("seats"),
    )


def _times(cells: Mapping[str, Any]) -> tuple[datetime, datetime]:
    zone, minutes = cells.get("time_zone"), cells.get("duration_minutes")
    starts_at = settled(cells["starts_at"], zone, column="starts_at")
    if "ends_at" not in cells:
        if minutes is None:
            raise BadCell("required", "is needed, or duration_minutes", column="ends_at")
        return starts_at, starts_at + timedelta(minutes=minutes)
    ends_at = settled(cells["ends_at"], zone, column="ends_at")
    if ends_at <= starts_at:
        raise BadCell("end_before_start", "must be later than starts_at", column="ends_at")
    if minutes is not None and ends_at - starts_at != timedelta(minutes=minutes):
        raise BadCell("contradiction", "says something else than ends_at", column="duration_minutes")
    return starts_at, ends_at


def _natural_id(host_email: str, starts_at: datetime, title: str) -> str:
    key = "\n".join((host_email, starts_at.astimezone(UTC).isoformat(), title))
    return f"row-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _repeated(rows: Iterable[Row], column: str, key: Callable[[Row], str | None], same: str) -> Iterator[RowError]:
    """Yield an error for each row whose key an earlier one has."""
    first: dict[str, int] = {}
    for row in rows:
        value = key(row)
        if value is not None and (line := first.setdefault(value, row.line)) != row.line:
            yield RowError(row.line, column, "duplicate", f"Line {line} has {same}.")


def _contradictions(calls: Iterable[CallRow]) -> Iterator[RowError]:
    """Yield an error for each call that gives its account another segment than an earlier one."""
    first: dict[str, CallRow] = {}
    for row in calls:
        if row.account and row.account_segment:
            before = first.setdefault(folded(row.account), row)
            if before.account_segment != row.account_segment:
                detail = f"Line {before.line} gives this account another segment."
                yield RowError(row.line, "account_segment", "contradiction", detail)


def _managers_first(file: PeopleFile) -> PeopleFile:
    """Put rows after those of their managers; rows that report to themselves in a circle are errors. O(n)."""
    by_email = {row.email: row for row in file.rows}
    ordered: dict[str, PersonRow] = {}
    circular: list[PersonRow] = []
    for row in file.rows:
        above: dict[str, PersonRow] = {}  # not ordered yet, lowest first
        at: PersonRow | None = row
        while at and at.email not in ordered and at.email not in above:
            above[at.email] = at
            at = by_email.get(at.manager_email) if at.manager_email else None
        if at and at.email in above:
            emails = list(above)
            circular += [above[email] for email in emails[emails.index(at.email) :]]
        ordered |= {email: above[email] for email in reversed(above)}
    detail = "`manager_email` leads back to this row: nobody reports to themselves, not even through others."
    bad = [RowError(row.line, "manager_email", "manager_cycle", detail) for row in circular]
    return CsvFile(tuple(ordered.values()), file.errors).without(bad)
