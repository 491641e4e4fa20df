"""What every column of every table holds about people, and what becomes of it when somebody is erased.

`tests/rules/test_personal_columns.py` refuses a column that has no place here.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, quote_plus

from app.vocabulary import Door, PersonStatus, Role, SeatApproval


class Holds(Enum):
    """What a column holds about people."""

    FACT = auto()
    """Nothing: times, counts, states, words of ours, ids of other things."""
    PERSON = auto()
    """The id of somebody, which leads nowhere any more once they are erased."""
    PERSONAL = auto()
    """Something about whom the row is about."""
    SECRET = auto()
    """Opens something, or tells a secret again: it is never exported, and goes with its row."""
    WORDS = auto()
    """What somebody wrote, who may have named anybody: it is searched. Tags are facts: no name of two words is one."""
    COPY = auto()
    """What rows were at a time, as JSON: it is searched, and of what it says of somebody just their id stays."""
    CACHE = auto()
    """Bytes that can be made anew and name people: dropped when they name who is erased."""


_NOTHING: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Record:
    """What a table holds. `of` are the columns that say whom a row is about, for an export. A row goes with the person
    whom a column of `goes` names; of rows that stay, `clears` says what is set when the column names them.
    """

    columns: Mapping[str, Holds]
    of: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()
    clears: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)

    def having(self, *kinds: Holds) -> list[str]:
        """Return the columns of these kinds."""
        return [name for name, holds in self.columns.items() if holds in kinds]

    @property
    def searched(self) -> list[str]:
        """The columns that are searched for somebody's name."""
        return self.having(Holds.WORDS, Holds.COPY, Holds.CACHE)

    def shown_to(self, whom: str) -> list[str]:
        """Return the columns of a row that an export tells the person whom its column `whom` names: of two people's
        row each is told their own part, which is what would be cleared for them.
        """
        theirs = self.having(Holds.PERSONAL) if whom in self.goes else [*self.clears.get(whom, ())]
        common = self.having(Holds.FACT, Holds.PERSON, Holds.WORDS, Holds.COPY)
        return [name for name in self.columns if name in common or name in theirs]


def _record(
    *,
    facts: str = "",
    people: str = "",
    personal: str = "",
    secrets: str = "",
    words: str = "",
    copies: str = "",
    caches: str = "",
    of: str = "",
    goes: str = "",
    clears: Mapping[str, Mapping[str, Any]] = _NOTHING,
) -> Record:
    named = (
        (facts, Holds.FACT),
        (people, Holds.PERSON),
        (personal, Holds.PERSONAL),
        (secrets, Holds.SECRET),
        (words, Holds.WORDS),
        (copies, Holds.COPY),
        (caches, Holds.CACHE),
    )
    columns = {name: holds for names, holds in named for name in names.split()}
    return Record(columns, tuple((of or goes).split()), tuple(goes.split()), clears)


_STAMPS = "version created_at updated_at"
_NO_SCORE: Mapping[str, Any] = {"score": 0, "terms": {}}

ERASED_NAME = "Erased person"
TOMBSTONE: Mapping[str, Any] = {
    "name": ERASED_NAME,
    "time_zone": "UTC",
    "role": Role.REP,
    "status": PersonStatus.LEFT,
    "team_id": None,
    "manager_id": None,
    "started_on": None,
    "grade": None,
    "languages": [],
    "segments": [],
    "products": [],
    "regions": [],
    "seat_capacity": None,
    "observe_per_day": 0,
    "observe_per_week": 0,
    "host_per_day": 0,
    "host_per_week": 0,
    "seat_approval": SeatApproval.NONE,
    "host_gap_minutes": 0,
    "sessions_per_day": None,
    "sessions_per_week": None,
    "door_default": Door.CLOSED,
    "shortcuts": True,
    "external_updated_at": None,
}
"""What is left of a person, beside an address that nobody has (`erased_address`)."""


def erased_address(person_id: str) -> str:
    """Return the address of an erased person: one each, in a domain that never is (RFC 2606 section 2)."""
    return f"erased+{person_id}@erased.invalid"


RECORDS: Mapping[str, Record] = {
    "account": _record(
        facts=f"id segment observers_allowed seat_capacity own_side_ceiling external_updated_at {_STAMPS}", words="name"
    ),
    "api_key": _record(
        facts="id role previous_until requests_per_minute expires_at revoked_at last_used_at version created_at",
        people="person_id",
        personal="name scopes",
        secrets="digest previous_digest",
        goes="person_id",
    ),
    "audit_seal": _record(facts="number sealed_at events digest purged_at"),
    "availability": _record(
        facts="version updated_at",
        people="person_id",
        personal="weekly exceptions buffer_before_minutes buffer_after_minutes",
        of="person_id",
        clears={
            "person_id": {"weekly": [], "exceptions": {}, "buffer_before_minutes": 0, "buffer_after_minutes": 0},
        },
    ),
    "browser_session": _record(
        facts="id signed_in_by created_at seen_at expires_at ended_at",
        people="person_id acts_for_id",
        personal="device address",
        secrets="digest",
        goes="person_id",
        clears={"acts_for_id": {"acts_for_id": None}},
    ),
    "busy": _record(facts="id", people="person_id", personal="source starts_at ends_at status", goes="person_id"),
    "calendar_entry": _record(
        facts="id uid part call_id session_id series_id power_hour_id status starts_at ends_at sequence"
        " mailing_sequence mailed_sequence changed_at created_at renderer",
        people="person_id",
        caches="vevent",
        goes="person_id",
    ),
    "calendar_reply": _record(
        facts="uid occurrence sequence stamped_at received_at",
        people="person_id",
        personal="method answer",
        goes="person_id",
    ),
    "call": _record(
        facts="id type type_source status account_id starts_at ends_at language stage product region sensitive"
        f" colleagues_invited seat_capacity_override seat_capacity seats_taken door began_at ended_at"
        f" external_updated_at {_STAMPS}",
        people="host_id",
        words="title meeting_url",
        of="host_id",
    ),
    "call_type": _record(facts=f"slug seat_capacity stages {_STAMPS}", words="name keywords"),
    "call_type_skill": _record(facts="call_type skill"),
    "claim": _record(
        facts="id session_id kind starts_at ends_at active expires_at", people="person_id", of="person_id"
    ),
    "connected_calendar": _record(
        facts=f"id kind use health failures due_at checked_at read_at {_STAMPS}",
        people="person_id",
        personal="name title_contains why",
        secrets="url url_digest username password etag last_modified content_digest",
        goes="person_id",
    ),
    "delivery": _record(
        facts="id endpoint_id event_id act sequence status attempts due_at created_at updated_at", copies="body"
    ),
    "delivery_attempt": _record(facts="id delivery_id at elapsed_ms status_code", words="why answer"),
    "dialler_connection": _record(
        facts=f"id status last_heard_at {_STAMPS}", secrets="secret", words="name mapping last_error"
    ),
    "dialler_message": _record(facts="connection_id heard_at", words="message_id"),
    "enrollment": _record(facts=f"id program_id side capacity {_STAMPS}", people="person_id", of="person_id"),
    # Sealed: not a fact of it may change. It names people by their ids alone.
    "event": _record(
        facts="sequence id at credential_id act object_type object_id version announced seal",
        people="actor on_behalf_of_id",
        of="actor on_behalf_of_id object_id",
    ),
    "event_detail": _record(facts="event_id", copies="detail"),
    "external_identity": _record(facts="object_type source", people="object_id", words="external_id", goes="object_id"),
    "feed": _record(
        facts=f"id kind team_id privacy revoked_at last_fetched_at {_STAMPS}",
        people="person_id",
        personal="last_fetched_by",
        secrets="secret_digest",
        goes="person_id",
    ),
    "file_import": _record(
        facts=f"id kind created updated unchanged skipped operation_id put_back stayed undone_at {_STAMPS}",
        people="actor",
        words="file_name",
        of="actor",
    ),
    "file_import_row": _record(
        facts="import_id position object_type created versions outcome code",
        people="object_id",
        words="why",
        copies="before",
        goes="object_id",
    ),
    "hand": _record(
        facts="id call_id raised_at lowered_at version",
        people="person_id",
        words="why",
        of="person_id",
        clears={"person_id": {"why": None}},
    ),
    "hold": _record(facts="id session_id credential created_at", secrets="token_digest"),
    "idempotency_record": _record(
        facts="credential status created_at",
        secrets="fingerprint",
        words="idempotency_key headers",
        copies="body",
    ),
    "installation": _record(
        facts="one id closed_stages min_notice_minutes own_side_ceiling hold_minutes offer_minutes late_cancel_minutes"
        " no_show_grace_minutes horizon_days retention_days person_insights version created_at",
        words="monitoring_notice",
    ),
    "job": _record(
        facts="id kind singleton occurrence operation_id status priority due_at attempts max_attempts lease"
        " leased_until worker created_at updated_at",
        words="payload last_error",
    ),
    "mail_setting": _record(
        facts="version updated_at",
        people="person_id",
        personal="reminders digest quiet_from quiet_to language",
        goes="person_id",
    ),
    "mail_trouble": _record(facts="since", words="email why"),
    "match": _record(
        facts="id program_id run_id status pinned awaiting asked_at reminded_at started_at ended_because fit_asked_at"
        f" {_STAMPS}",
        people="mentee_id mentor_id asked_by_id",
        personal="score terms mentee_fit mentor_fit",
        of="mentee_id mentor_id",
        clears={
            "mentee_id": {**_NO_SCORE, "mentee_fit": None},
            "mentor_id": {**_NO_SCORE, "mentor_fit": None},
        },
    ),
    "match_run": _record(
        facts="id program_id operation_id status objective disruption cause weights constraints inputs_hash value bound"
        f" {_STAMPS}",
        people="pins forbidden unmatched",
    ),
    "message_template": _record(facts="kind language version updated_at", words="subject text"),
    "notice": _record(
        facts="id kind about_id starts_at once status due_at sent_at created_at updated_at",
        people="person_id",
        words="why",
        goes="person_id",
    ),
    "operation": _record(facts="id kind status progress created_at updated_at", words="result error"),
    "pair_rule": _record(
        facts="id program_id kind created_at", people="mentee_id mentor_id", goes="mentee_id mentor_id"
    ),
    "participant": _record(
        facts="session_id part response",
        people="person_id",
        personal="proposed_starts_at",
        of="person_id",
        clears={"person_id": {"proposed_starts_at": None}},
    ),
    "pause": _record(facts="id created_at", people="person_id", personal="starts_on ends_on", goes="person_id"),
    "person": _record(
        facts=f"erased_at {_STAMPS}",
        people="id",
        personal=f"email {' '.join(TOMBSTONE)}",
        of="id",
        clears={"id": {"email": None, **TOMBSTONE}},
    ),
    "person_skill": _record(people="person_id", personal="skill level wants teaches", goes="person_id"),
    "plan_run": _record(
        facts="id operation_id team_id program_id from_at to_at status inputs_hash objective bound gap_percent learning"
        f" timed_out replans_id {_STAMPS}",
        people="pins dropped unmet",
    ),
    "plan_seat": _record(
        facts="id run_id call_id pinned by_hand seat_id refusal",
        people="observer_id",
        personal="value terms teaches meets",
        of="observer_id",
        clears={"observer_id": {"value": 0, "terms": {}, "teaches": [], "meets": []}},
    ),
    "power_hour": _record(facts=f"id team_id starts_at ends_at rotation_minutes {_STAMPS}", words="name"),
    "power_hour_part": _record(facts="power_hour_id part place", people="person_id", goes="person_id"),
    "preference": _record(
        facts="id program_id side",
        people="person_id preferred_id",
        personal="rank",
        of="person_id",
        goes="person_id preferred_id",
    ),
    "presence": _record(facts="version updated_at", people="person_id", personal="presence until", goes="person_id"),
    "program": _record(facts=f"id is_default weights constraints approval requests_open {_STAMPS}", words="name"),
    "program_manager": _record(facts="program_id created_at", people="person_id", goes="person_id"),
    "proposed_match": _record(
        facts="id run_id pinned by_hand",
        people="mentee_id mentor_id",
        personal="score terms",
        of="mentee_id mentor_id",
        clears={"mentee_id": _NO_SCORE, "mentor_id": _NO_SCORE},
    ),
    "seat": _record(
        facts=f"id call_id session_id kind status seat_no capacity late {_STAMPS}",
        people="observer_id",
        of="observer_id",
    ),
    "series": _record(facts=f"id uid kind status rrule time_zone local_start duration_minutes sequence {_STAMPS}"),
    "session": _record(
        facts="id uid kind status call_id follows_id series_id occurrence_at expires_at undo_until starts_at ends_at"
        f" time_zone sequence {_STAMPS}"
    ),
    "sign_in_identity": _record(facts="linked_at", people="person_id", personal="issuer subject", goes="person_id"),
    "sign_in_link": _record(
        facts="id created_at expires_at used_at", people="person_id", secrets="digest browser_digest", goes="person_id"
    ),
    "skill": _record(facts=f"slug {_STAMPS}", words="name"),
    "skill_assessment": _record(
        facts="id set_as set_at", people="person_id set_by", personal="skill level", goes="person_id"
    ),
    "team": _record(facts=f"id {_STAMPS}", words="name"),
    "waitlist_entry": _record(facts=f"id call_id status seat_id {_STAMPS}", people="person_id", of="person_id"),
    "webhook_endpoint": _record(
        facts="id format acts previous_secret_until status disabled_because failing_since failures paused_until slow"
        f" {_STAMPS}",
        secrets="url secret previous_secret",
        words="name",
    ),
}
"""Table to what it holds. Match and plan runs keep their reasons by the ids of people: they name nobody any more."""

NOTICE = (
    "Colleagues may listen to your customer calls to learn from them. Your calendar and the page of the call always say"
    " who sits in: nobody listens unseen, and Earshot records nothing. As a host you decide whether you take observers,"
    " how many, and whether each one asks you first. Earshot keeps who hosted and who heard which call, and what you"
    " say about your skills, your hours and the time that is taken. You see it, whoever you report to sees it, and so"
    " do those who run Earshot; what they look up about you is in the audit. You can have all of it as a file, and have"
    " it erased."
)
"""What staff are told about being listened to, unless the house has words of its own."""
_GONE = "[erased]"


class Traces:
    """Finds somebody's names and addresses in what others wrote, and takes them out.

    Whole words only, so that Ana leaves Anaheim alone. Upper and lower case are one, but for a name of a single word:
    that may be a word of the language too. However many blanks are between two words, composed accents or not, and
    with the last word first too. What only their people know them by, such as a nickname, is not found, nor a first
    name alone; neither is a name of one letter.
    """

    def __init__(self, words: Iterable[str], *, person_id: str = "") -> None:
        """`words`: names and addresses by which somebody is or was known; their id is for copies of what they were."""
        wanted = {spelt for word in words if len(re.findall(r"\w", word)) > 1 for spelt in _spellings(word)}
        self._any, self._person_id = bool(wanted), person_id
        parts = [_pattern(word) for word in sorted(wanted, key=lambda word: (-len(word), word))]
        self._whole = re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)")
        # One word of each, as JSON may write it: most documents need not be read.
        longest = {max(word.split(), key=len) for word in wanted}
        self._somewhere = re.compile("|".join(re.escape(word) for word in sorted(longest)), re.IGNORECASE)

    def in_text(self, text: str) -> bool:
        """Whether a text names them."""
        return self._any and self._whole.search(text) is not None

    def out_of_text(self, text: str) -> str:
        """Return a text without them."""
        return self._whole.sub(_GONE, text) if self._any else text

    def out_of_json(self, written: str) -> str:
        """Return a JSON document without them, in keys too; as it was to the byte when it doesn't name them."""
        if not self._any or not self._somewhere.search(written):
            return written
        return self._rewritten(written, "")

    def out_of_copy(self, written: str) -> str:
        """Return a JSON document without them, and with nothing but the id of what it says of themselves."""
        about = bool(self._person_id) and self._person_id in written
        return self._rewritten(written, self._person_id) if about else self.out_of_json(written)

    def out_of_bytes(self, content: bytes) -> bytes:
        """Return what was sent or answered without them: a copy in JSON, or text in UTF-8."""
        text = content.decode(errors="surrogateescape")
        try:
            return self.out_of_copy(text).encode(errors="surrogateescape")
        except ValueError:
            return self.out_of_text(text).encode(errors="surrogateescape")

    def in_calendar(self, content: bytes) -> bool:
        """Whether an iCalendar text names them, also across folded lines (RFC 5545 section 3.1)."""
        return self.in_text(re.sub(rb"\r?\n[ \t]", b"", content).decode(errors="replace"))

    def _rewritten(self, written: str, about: str) -> str:
        value = json.loads(written)
        without = self._without(value, about)
        return written if without == value else json.dumps(without, ensure_ascii=False, separators=(",", ":"))

    def _without(self, value: Any, about: str) -> Any:
        match value:
            case str():
                return self.out_of_text(value)
            case Mapping():
                whose = next((name for name in ("id", "person_id") if about and value.get(name) == about), None)
                if whose is not None:
                    return {whose: about}
                return {self.out_of_text(name): self._without(one, about) for name, one in value.items()}
            case Sequence():
                return [self._without(one, about) for one in value]
        return value


def known_as(detail: Any) -> set[str]:
    """Return the names and addresses that somebody has or had by what an event about them says: every text under
    `name` or `email`, however deep.
    """
    if isinstance(detail, Mapping):
        said = {word for name in ("name", "email") for word in _texts(detail.get(name))}
        return said.union(*map(known_as, detail.values()))
    return set()


def _texts(value: Any) -> set[str]:
    match value:
        case str():
            return {value}
        case Mapping():
            return set().union(*map(_texts, value.values()))
        case Sequence():
            return set().union(*map(_texts, value))
    return set()


def _spellings(word: str) -> set[str]:
    """Return in which ways a name or address is written: with accents composed and not (Unicode annex 15), the last
    word first, in addresses of pages, and as JSON writes it.
    """
    *first, last = word.split()
    orders = {" ".join([*first, last]), *([f"{last}, {' '.join(first)}"] if first else [])}
    plain = {normalize(form, order) for order in orders for form in ("NFC", "NFD")}
    return {written for one in plain for written in (one, quote(one, safe=""), quote_plus(one), json.dumps(one)[1:-1])}


def _pattern(word: str) -> str:
    if re.fullmatch(r"\w+", word):
        return re.escape(word)
    return "(?i:" + r"\s+".join(map(re.escape, word.split())) + ")"
