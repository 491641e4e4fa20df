"""Who may do what: every route, asked by an admin, by whom it concerns, by a stranger, and without a key that works.

A route without a row fails; `tests/access_world.py` says who is who.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import pytest

from app.routers.areas import AREA_OF_TAG, scope_of
from app.vocabulary import Area
from tests.access_world import (
    CANARY,
    OF_A_RUN,
    OF_ANA,
    OF_THE_HOUSE,
    PEOPLE,
    PRIVATE_SKILL,
    STRANGERS,
    TAUGHT_SKILL,
    World,
    a_world,
    an_sqlite_world,
)
from tests.described import Operation, assert_described, operations, resolved, routes

Expected = tuple[int, int, int, int]
"""The status for an admin, for Ana, whom it concerns, for Ben, a stranger, and without a key that works."""


But = dict[str, int | str]


class Policy(NamedTuple):
    """The status for everybody. Who is not named in a row gets what follows from these four."""

    admin: int
    integration: int
    program_manager: int
    lead: int
    concerned: int
    auditor: int
    colleague: int
    stranger: int
    other_lead: int
    nobodys_rep: int
    anonymous: int

    def of(self, who: str) -> int:
        """The status for an asker of the world. Those without a key that works are all the same."""
        name = who.replace(" ", "_").replace("'", "")
        return int(getattr(self, name, self.anonymous))


ALL: Expected = (200, 200, 200, 401)
PUBLIC: Expected = (200, 200, 200, 200)
ADMIN: Expected = (200, 403, 403, 401)
ADMIN_MAKES: Expected = (201, 403, 403, 401)
ADMIN_QUEUES: Expected = (202, 403, 403, 401)
ADMIN_DELETES: Expected = (204, 403, 403, 401)
ADMIN_SEES: Expected = (200, 404, 404, 401)
PRIVATE: Expected = (200, 200, 404, 401)
CLASH: Expected = (409, 409, 404, 401)


@dataclass(frozen=True)
class Row:
    """A request and what becomes of it. Values in angle brackets, in the body too, are ids of the world."""

    route: str
    expected: Expected
    body: Any = None
    ids: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    but: But = field(default_factory=dict)
    """For whom it is otherwise than follows from `expected`: a status, or whose they get."""

    @property
    def policy(self) -> Policy:
        """What follows from `expected`: an integration does what an admin does, who leads somebody acts in their place,
        an auditor sees what an admin sees and changes nothing of it, and everybody else is a stranger.
        """
        admin, concerned, stranger, anonymous = self.expected
        auditor = admin if self.method == "GET" else 403
        others = dict.fromkeys(("colleague", "stranger", "other_lead", "nobodys_rep", "program_manager"), stranger)
        follows = {"admin": admin, "integration": admin, "lead": concerned, "concerned": concerned, "auditor": auditor}
        statuses: dict[str, int] = {**others, **follows, "anonymous": anonymous}
        return Policy(**statuses | {who: int(statuses.get(str(as_), as_)) for who, as_ in self.but.items()})

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def name(self) -> str:
        asked = [word for word in self.query.values() if word.startswith("<")]
        words = [*self.ids.values(), *asked, *(["with"] if self.body else []), *_words(self.body)]
        return " ".join([self.route, *words])[:100]

    @property
    def changes_nothing(self) -> bool:
        # Who fetches a feed, and when, is noted.
        return self.method == "GET" and not self.route.endswith(".ics")


BY_ADMINS: But = {"integration": 403}
"""Who may do what is no integration's to say."""
ALONE: But = {"lead": 404}
"""What a person decides alone: who leads them does not."""
ANYBODYS: But = {"auditor": "stranger"}
"""It is about how the asker signs in and how their pages look, or not there for who has no part in it."""
UNBOOKED: But = {"auditor": 404}
"""It is a page for people who are booked."""
UNSEEN: But = {"integration": 404}
"""It is a page for people who run the house."""
NOBODY: But = {"nobodys_rep": 403}
"""What somebody does in person."""
RUNS_IT: But = {"program_manager": "admin"}
"""Who runs a program gets what an admin gets."""
NOT_BENS: But = dict.fromkeys(("colleague", "auditor", "program_manager", "nobodys_rep"), 403)
"""It is about Ben, whom the stranger is and the other lead leads."""

PERSON = {"name": "Eve", "email": "eve@earshot.example", "time_zone": "Europe/London"}
HOURS = {"time_zone": "Europe/London", "weekly": [{"weekday": 1, "start": "09:00", "end": "12:00"}]}
CALL = {
    "title": "Southwind: demo",
    "host_id": "<mara>",
    "starts_at": "2026-11-26T10:00:00Z",
    "ends_at": "2026-11-26T10:30:00Z",
}
WEEK = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
MEET = {**WEEK, "duration_minutes": "30"}
REF = {"external": {"source": "crm", "id": "1"}}
NAME = {"name": "Another name"}
WORDS = {"subject": "You two", "text": "{{other_name}} and you: {{link}}"}
SKILLS = {"skills": [{"slug": PRIVATE_SKILL, "level": 4, "wants": 5, "teaches": False}]}
BUSY = {"source": "outlook", "intervals": []}
CALENDAR = {"kind": "ics", "url": "https://calendar.example/new.ics", "name": "Home"}
REPLY = "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:x\nDTSTAMP:20261121T090000Z\nATTENDEE:x@x.example\n"
REPLY += "END:VEVENT\nEND:VCALENDAR\n"
PAUSE = {"starts_on": "2027-08-02", "ends_on": "2027-08-20"}
TYPE = {"slug": "pilot", "name": "Pilot"}
ON_NOW = {"call_id": "live_call"}
HOUR = {
    "name": "Power hour",
    "starts_at": "2026-11-26T18:00:00Z",
    "ends_at": "2026-11-26T19:00:00Z",
    "host_ids": ["<lea>"],
    "observer_ids": ["<ana>"],
}
SENSITIVE, CLOSED = {"call_id": "sensitive_call"}, {"call_id": "closed_call"}
FULL = {"call_id": "shadowed_call"}
TIME = {
    "kind": "role_play",
    "participants": [{"person_id": "<ana>", "as": "mentee"}, {"person_id": "<mara>", "as": "mentor"}],
    "starts_at": "2026-11-26T16:00:00Z",
    "duration_minutes": 30,
}
MEETING = {"session_id": "one_on_one"}
ONE_ON_ONE = {
    "kind": "one_on_one",
    "participants": [{"person_id": "<ana>", "as": "mentee"}, {"person_id": "<mara>", "as": "mentor"}],
    "starts_at": "2026-11-26T14:00:00Z",
    "duration_minutes": 30,
}
ENDPOINT = {"name": "CRM", "url": "https://crm.example/hooks", "acts": ["seat.*"]}
POINTERS = {name: f"/{name}" for name in ("event", "call", "host_email", "started_at", "ended_at")}
DIALLER = {"name": "Dialler", "mapping": {**POINTERS, "started": ["started"], "ended": ["ended"]}}
MENTEE = {"enrollment_id": "mentee_enrollment"}
PLANNED = {"seat_id": "planned_seat"}
PROPOSAL = {"program_id": "<ramp>", "mentee_id": "<ben>", "mentor_id": "<mara>"}
RULE = {"mentee_id": "<ana>", "mentor_id": "<mara>", "kind": "forbidden"}
RULED = {"mentee_id": "<cleo>", "mentor_id": "<mara>"}
PROPOSED = {"match_id": "proposed_match"}
BY_EXTERNAL_ID = "/by-external-id/{source}/{external_id}"
ENROLLMENTS = "/v1/programs/{program_id}/enrollments"

MATRIX = (
    Row("GET /v1/people", ALL),
    Row("POST /v1/people", ADMIN_MAKES, PERSON),
    Row("GET /v1/people/{person_id}", ALL),
    Row("GET /v1/people/{person_id}", ADMIN_SEES, ids={"person_id": "left"}),
    Row("PATCH /v1/people/{person_id}", (200, 200, 403, 401), {"time_zone": "Europe/Berlin"}),
    Row("PATCH /v1/people/{person_id}", ADMIN, {"role": "admin"}, but=BY_ADMINS),
    Row("PATCH /v1/people/{person_id}", ADMIN_SEES, NAME, ids={"person_id": "left"}),
    Row("GET /v1/people/{person_id}/export", PRIVATE, but={"integration": 404, "lead": 404, "auditor": 404}),
    Row("POST /v1/people/{person_id}/erase", (422, 403, 403, 401), {"confirm": "nobody@earshot.example"},
        but=BY_ADMINS),
    Row(f"PUT /v1/people{BY_EXTERNAL_ID}", ADMIN_MAKES, PERSON),
    Row("POST /v1/people/batch-upsert", ADMIN, {"items": [{**PERSON, **REF}]}),
    Row("GET /v1/people/{person_id}/skills", PRIVATE),
    Row("GET /v1/people/{person_id}/skills", PRIVATE, query={"as_of": "2026-12-01T00:00:00Z"}),
    Row("PUT /v1/people/{person_id}/skills", PRIVATE, SKILLS, but={"lead": 403}),
    Row("GET /v1/people/{person_id}/availability", PRIVATE),
    Row("PUT /v1/people/{person_id}/availability", PRIVATE, HOURS),
    Row("GET /v1/people/{person_id}/busy", PRIVATE),
    Row("PUT /v1/people/{person_id}/busy", PRIVATE, BUSY),
    Row("GET /v1/people/{person_id}/calendars", PRIVATE, but=ALONE),
    Row("POST /v1/people/{person_id}/calendars", (201, 201, 404, 401), CALENDAR, but=ALONE),
    Row("GET /v1/people/{person_id}/calendars/{calendar_id}", PRIVATE, but=ALONE),
    Row("PATCH /v1/people/{person_id}/calendars/{calendar_id}", PRIVATE, {"name": "Home"}, but=ALONE),
    Row("DELETE /v1/people/{person_id}/calendars/{calendar_id}", (204, 204, 404, 401), but=ALONE),
    Row("POST /v1/people/{person_id}/calendars/{calendar_id}/refresh", (202, 202, 404, 401), but=ALONE),
    Row("GET /v1/people/{person_id}/freebusy.ics", PRIVATE),
    Row("GET /v1/people/{person_id}/availability/pauses", PRIVATE),
    Row("POST /v1/people/{person_id}/availability/pauses", (201, 201, 404, 401), PAUSE),
    Row("DELETE /v1/people/{person_id}/availability/pauses/{pause_id}", (204, 204, 404, 401)),
    Row("GET /v1/people/{person_id}/preferences", PRIVATE, query={"as": "mentee"}, but=ALONE | RUNS_IT),
    Row("PUT /v1/people/{person_id}/preferences", PRIVATE, {"preferred": ["<mara>"]}, query={"as": "mentee"},
        but=ALONE | {"program_manager": 403}),
    Row("GET /v1/people/{person_id}/mail-settings", PRIVATE, but=ALONE),
    Row("PATCH /v1/people/{person_id}/mail-settings", PRIVATE, {"digest": False, "quiet_hours": None}, but=ALONE),
    Row("GET /v1/me", ALL),
    Row("GET /v1/me/browser-sessions", ALL),
    Row("DELETE /v1/me/browser-sessions/{browser_session_id}", (404, 204, 404, 401), but=ALONE | ANYBODYS),
    Row("POST /v1/me/sign-out-everywhere", ALL, but=ANYBODYS),
    Row("GET /v1/people/{person_id}/browser-sessions", PRIVATE, but={"integration": 404, "lead": 404, "auditor": 404}),
    Row("DELETE /v1/people/{person_id}/browser-sessions", (204, 404, 404, 401), but=ANYBODYS | {"integration": 404}),
    Row("GET /v1/availability/slots", ALL, query={**MEET, "person_id": "<ana>"}),
    Row("GET /v1/availability/slots", (200, 422, 422, 401), query={**MEET, "person_id": "<left>"}),
    Row("GET /v1/teams", ALL),
    Row("POST /v1/teams", ADMIN_MAKES, NAME),
    Row("GET /v1/teams/{team_id}", ALL),
    Row("PATCH /v1/teams/{team_id}", ADMIN, NAME),
    Row("DELETE /v1/teams/{team_id}", ADMIN_DELETES),
    Row(f"PUT /v1/teams{BY_EXTERNAL_ID}", ADMIN_MAKES, NAME),
    Row("GET /v1/skills", ALL),
    Row("POST /v1/skills", ADMIN_MAKES, TYPE),
    Row("GET /v1/skills/{slug}", ALL),
    Row("PATCH /v1/skills/{slug}", ADMIN, NAME),
    Row("DELETE /v1/skills/{slug}", ADMIN_DELETES, ids={"slug": "unused_skill"}),
    Row("GET /v1/call-types", ALL),
    Row("POST /v1/call-types", ADMIN_MAKES, TYPE),
    Row("GET /v1/call-types/{slug}", ALL),
    Row("PATCH /v1/call-types/{slug}", ADMIN, NAME),
    Row("DELETE /v1/call-types/{slug}", ADMIN_DELETES),
    Row("GET /v1/accounts", ALL),
    Row("POST /v1/accounts", ADMIN_MAKES, NAME),
    Row("GET /v1/accounts/{account_id}", ALL),
    Row("PATCH /v1/accounts/{account_id}", ADMIN, NAME),
    Row("DELETE /v1/accounts/{account_id}", ADMIN_DELETES),
    Row(f"PUT /v1/accounts{BY_EXTERNAL_ID}", ADMIN_MAKES, NAME),
    Row("POST /v1/accounts/batch-upsert", ADMIN, {"items": [{**NAME, **REF}]}),
    Row("GET /v1/calls", ALL),
    Row("GET /v1/calls", (200, 200, 403, 401), query={"joinable_by": "<ana>"}),
    Row("GET /v1/calls", (200, 200, 403, 401), query={"joinable_by": "<ana>", "expand": "refusal"}),
    Row("POST /v1/calls", ADMIN_MAKES, CALL),
    Row("GET /v1/calls/{call_id}", ALL),
    Row("GET /v1/calls/{call_id}", PRIVATE, ids=SENSITIVE),
    Row("GET /v1/calls/{call_id}", (200, 200, 403, 401), query={"joinable_by": "<ana>", "expand": "refusal"}),
    Row("GET /v1/calls/{call_id}", PRIVATE, ids=CLOSED),
    Row("PATCH /v1/calls/{call_id}", ADMIN, {"seat_capacity": 1}),
    Row("PATCH /v1/calls/{call_id}", PRIVATE, {"seat_capacity": 1}, ids=SENSITIVE),
    Row("PATCH /v1/calls/{call_id}", (200, 403, 404, 401), {"title": "Other"}, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/cancel", ADMIN),
    Row("POST /v1/calls/{call_id}/cancel", PRIVATE, ids=CLOSED),
    Row("POST /v1/calls/{call_id}/start", ADMIN),
    Row("POST /v1/calls/{call_id}/start", PRIVATE, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/end", (409, 403, 403, 401)),
    Row("POST /v1/calls/{call_id}/end", CLASH, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/no-show", (409, 403, 403, 401)),
    Row("POST /v1/calls/{call_id}/no-show", CLASH, ids=SENSITIVE),
    Row(f"PUT /v1/calls{BY_EXTERNAL_ID}", ADMIN_MAKES, CALL),
    Row("GET /v1/floor", ALL),
    Row("GET /v1/power-hours", ALL),
    Row("POST /v1/power-hours", (201, 403, 403, 401), HOUR, but={"lead": 201}),
    Row("GET /v1/power-hours/{power_hour_id}", PRIVATE),
    Row("PATCH /v1/power-hours/{power_hour_id}", (200, 403, 404, 401), {"rotation_minutes": 15},
        but={"lead": 200}),
    Row("DELETE /v1/power-hours/{power_hour_id}", (204, 403, 404, 401), but={"lead": 204}),
    Row("POST /v1/calls/{call_id}/door", (200, 200, 403, 401), {"door": "closed"}, ids=ON_NOW),
    Row("POST /v1/calls/{call_id}/door", CLASH, {"door": "open"}, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/drop-in", (403, 422, 201, 401), ids=ON_NOW, but=NOBODY | {"lead": 201}),
    Row("POST /v1/calls/{call_id}/drop-in", (403, 409, 404, 401), ids=SENSITIVE, but=NOBODY),
    Row("PUT /v1/calls/{call_id}/hand", (403, 200, 403, 401), {"why": "Price"}, ids=ON_NOW, but={"lead": 403}),
    Row("PUT /v1/calls/{call_id}/hand", (403, 409, 404, 401), {"why": "Price"}, ids=SENSITIVE),
    Row("DELETE /v1/calls/{call_id}/hand", (403, 204, 204, 401), ids=ON_NOW, but=NOBODY),
    Row("DELETE /v1/calls/{call_id}/hand", (403, 204, 404, 401), ids=SENSITIVE),
    Row("GET /v1/people/{person_id}/presence", ALL),
    Row("PUT /v1/people/{person_id}/presence", (200, 200, 403, 401), {"presence": "dialling"}, but={"lead": 403}),
    Row("DELETE /v1/people/{person_id}/presence", (204, 204, 403, 401), but={"lead": 403}),
    Row("GET /v1/calls/{call_id}/suggestions", (200, 404, 404, 401)),
    Row("GET /v1/calls/{call_id}/suggestions", PRIVATE, ids=CLOSED),
    Row("POST /v1/calls/batch-upsert", ADMIN, {"items": [{**CALL, **REF}]}),
    Row("GET /v1/calls/{call_id}/seats", ALL, ids={"call_id": "shadowed_call"}),
    Row("GET /v1/calls/{call_id}/seats", PRIVATE, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/seats", (201, 201, 403, 401), {"observer_id": "<ana>"}),
    Row("POST /v1/calls/{call_id}/seats", (201, 403, 201, 401), {"observer_id": "<ben>"}, but=NOT_BENS),
    Row("POST /v1/calls/{call_id}/seats", (409, 403, 404, 401), {"observer_id": "<ben>"}, ids=SENSITIVE),
    Row("POST /v1/calls/{call_id}/seats", (202, 403, 202, 401), {"observer_id": "<ben>", "waitlist": True}, ids=FULL,
        but=NOT_BENS),
    Row("GET /v1/calls/{call_id}/waitlist", ALL, ids={"call_id": "wanted_call"}),
    Row("GET /v1/calls/{call_id}/waitlist", PRIVATE, ids=SENSITIVE),
    Row("GET /v1/waitlist-entries/{entry_id}", PRIVATE),
    Row("POST /v1/waitlist-entries/{entry_id}/accept", PRIVATE),
    Row("POST /v1/waitlist-entries/{entry_id}/leave", PRIVATE),
    Row("POST /v1/holds", (201, 201, 403, 401), {"call_id": "<call_id>", "observer_id": "<ana>"}),
    Row("POST /v1/holds", (409, 403, 404, 401), {"call_id": "<sensitive_call>", "observer_id": "<ben>"}),
    Row("POST /v1/holds", (201, 201, 403, 401), TIME),
    Row("DELETE /v1/holds/{hold_id}", (204, 204, 404, 401), but=ALONE | ANYBODYS),
    Row("GET /v1/seats/{seat_id}", PRIVATE),
    Row("POST /v1/seats/{seat_id}/approve", PRIVATE, ids={"seat_id": "asked_seat"}),
    Row("POST /v1/seats/{seat_id}/approve", (200, 403, 404, 401)),
    Row("POST /v1/seats/{seat_id}/decline", PRIVATE, ids={"seat_id": "asked_seat"}),
    Row("POST /v1/seats/{seat_id}/decline", (409, 403, 404, 401)),
    Row("POST /v1/seats/{seat_id}/release", PRIVATE),
    Row("GET /v1/sessions", ALL),
    Row("GET /v1/sessions/{session_id}", PRIVATE),
    Row("GET /v1/sessions/{session_id}/invite.ics", PRIVATE, but=ALONE),
    Row("POST /v1/sessions", (201, 201, 403, 401), ONE_ON_ONE),
    Row("POST /v1/sessions/{session_id}/reschedule", PRIVATE, {"starts_at": "2026-11-25T14:00:00Z"}, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/reschedule", CLASH, {"starts_at": "2026-11-25T14:00:00Z"}),
    Row("POST /v1/sessions/{session_id}/cancel", PRIVATE),
    Row("POST /v1/sessions/{session_id}/cancel", PRIVATE, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/undo-cancel", CLASH, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/start", CLASH, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/complete", CLASH, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/no-show", CLASH, ids=MEETING),
    Row("POST /v1/sessions/{session_id}/respond", PRIVATE, {"response": "declined", "person_id": "<ana>"},
        but={"lead": 403}),
    Row("POST /v1/sessions/{session_id}/respond", (403, 200, 404, 401), {"response": "accepted"}, ids=MEETING,
        but={"lead": 403}),
    Row("POST /v1/sessions/{session_id}/decline-suggestion", PRIVATE, {"person_id": "<ana>"}),
    Row("GET /v1/sessions/{session_id}/alternatives", PRIVATE, ids=MEETING),
    Row("GET /v1/programs", ALL),
    Row("POST /v1/programs", ADMIN_MAKES, NAME),
    Row("GET /v1/programs/{program_id}", ALL),
    Row("PATCH /v1/programs/{program_id}", ADMIN, NAME, but=RUNS_IT),
    Row(f"GET {ENROLLMENTS}", ALL),
    Row(f"POST {ENROLLMENTS}", ADMIN_MAKES, {"person_id": "<ben>", "as": "mentee"}, but=RUNS_IT),
    Row(f"GET {ENROLLMENTS}/{{enrollment_id}}", PRIVATE, but=RUNS_IT),
    Row(f"PATCH {ENROLLMENTS}/{{enrollment_id}}", PRIVATE, {"capacity": 0}, but=RUNS_IT),
    Row(f"PATCH {ENROLLMENTS}/{{enrollment_id}}", (200, 403, 404, 401), {"capacity": 0}, ids=MENTEE,
        but=RUNS_IT),
    Row(f"DELETE {ENROLLMENTS}/{{enrollment_id}}", (204, 403, 404, 401), but=RUNS_IT),
    Row("GET /v1/programs/{program_id}/managers", ADMIN_SEES, but=RUNS_IT),
    Row("PUT /v1/programs/{program_id}/managers/{person_id}", ADMIN, ids={"person_id": "ada"}, but=BY_ADMINS),
    Row("DELETE /v1/programs/{program_id}/managers/{person_id}", (404, 403, 403, 401), ids={"person_id": "ada"},
        but=BY_ADMINS),
    Row("GET /v1/programs/{program_id}/pair-rules", ADMIN_SEES, but=RUNS_IT),
    Row("PUT /v1/programs/{program_id}/pair-rules", ADMIN, RULE, but=RUNS_IT),
    Row("DELETE /v1/programs/{program_id}/pair-rules", ADMIN_DELETES, query=RULED, but=RUNS_IT),
    Row("POST /v1/match-runs", ADMIN_QUEUES, {}, but=RUNS_IT),
    Row("GET /v1/match-runs", ADMIN_SEES, but=RUNS_IT),
    Row("GET /v1/match-runs/{run_id}", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/match-runs/{run_id}/publish", ADMIN_SEES, but=RUNS_IT),
    Row("PUT /v1/match-runs/{run_id}/pairs/{mentee_id}", ADMIN_SEES, {"mentor_id": "<mara>"}, but=RUNS_IT),
    Row("POST /v1/match-runs/{run_id}/pairs/{mentee_id}/accept", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/match-runs/{run_id}/rerun", (202, 404, 404, 401), but=RUNS_IT),
    Row("POST /v1/match-runs/{run_id}/cancel", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/match-runs/simulate", ADMIN, {}, but=RUNS_IT),
    Row("GET /v1/match-runs/{run_id}/diff", ADMIN_SEES, but=RUNS_IT),
    Row("GET /v1/match-runs/{run_id}/why-not", ADMIN_SEES, query=RULED, but=RUNS_IT),
    Row("GET /v1/programs/{program_id}/unmatched", ADMIN_SEES, but=RUNS_IT),
    Row("GET /v1/matches", ALL),
    Row("GET /v1/matches/{match_id}", PRIVATE, but=RUNS_IT),
    Row("POST /v1/matches", (201, 403, 201, 401), PROPOSAL, but=NOT_BENS),
    Row("POST /v1/matches/{match_id}/approve", PRIVATE, {"as": "mentee"}, ids=PROPOSED, but={"lead": 403}),
    Row("POST /v1/matches/{match_id}/approve", (200, 403, 404, 401), {"as": "mentor"}, ids=PROPOSED),
    Row("POST /v1/matches/{match_id}/decline", PRIVATE, ids=PROPOSED, but={"lead": 403}),
    Row("POST /v1/matches/{match_id}/decline", CLASH, but={"lead": 403, "program_manager": 409}),
    Row("POST /v1/matches/{match_id}/withdraw", (200, 403, 404, 401), ids=PROPOSED),
    Row("POST /v1/matches/{match_id}/pause", PRIVATE, but=RUNS_IT),
    Row("POST /v1/matches/{match_id}/resume", PRIVATE, but=RUNS_IT),
    Row("POST /v1/matches/{match_id}/end", PRIVATE, but=RUNS_IT),
    Row("POST /v1/matches/{match_id}/fit", (403, 200, 404, 401), {"answer": "good"},
        but={"program_manager": 403, "lead": 403}),
    Row("POST /v1/matches/{match_id}/fit", (200, 403, 404, 401), {"answer": "good", "as": "mentor"},
        but=RUNS_IT),
    Row("POST /v1/plan-runs", ADMIN_QUEUES, WEEK, but=RUNS_IT),
    Row("GET /v1/plan-runs", ADMIN_SEES, but=RUNS_IT | {"lead": 200, "other_lead": 200}),
    Row("GET /v1/plan-runs/{run_id}", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/publish", (202, 404, 404, 401), but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/replan", (202, 404, 404, 401), but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/cancel", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/swap", ADMIN_SEES, {"seat_id": "<planned_seat>", "observer_id": "<cleo>"},
        but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/seats", (201, 404, 404, 401), {"observer_id": "<cleo>", "call_id": "<held_call>"},
        but=RUNS_IT),
    Row("PATCH /v1/plan-runs/{run_id}/seats/{seat_id}", ADMIN_SEES, {"pinned": True}, ids=PLANNED, but=RUNS_IT),
    Row("POST /v1/plan-runs/{run_id}/seats/{seat_id}/accept", ADMIN_SEES, ids=PLANNED, but=RUNS_IT),
    Row("DELETE /v1/plan-runs/{run_id}/seats/{seat_id}", (204, 404, 404, 401), ids=PLANNED, but=RUNS_IT),
    Row("GET /v1/operations", ADMIN_SEES),
    Row("GET /v1/operations/{operation_id}", ADMIN_SEES, but=RUNS_IT),
    Row("POST /v1/operations/{operation_id}/cancel", ADMIN_SEES, ids={"operation_id": "queued_operation"}),
    Row("POST /v1/operations/{operation_id}/cancel", (409, 404, 404, 401), but={"program_manager": 409}),
    Row("GET /v1/jobs", ADMIN_SEES),
    Row("GET /v1/jobs/{job_id}", ADMIN_SEES),
    Row("POST /v1/jobs/{job_id}/cancel", ADMIN_SEES),
    Row("POST /v1/jobs/{job_id}/cancel", (409, 404, 404, 401), ids={"job_id": "dead_job"}),
    Row("POST /v1/jobs/{job_id}/retry", ADMIN_SEES, ids={"job_id": "dead_job"}),
    Row("POST /v1/jobs/{job_id}/retry", (409, 404, 404, 401)),
    Row("GET /v1/webhook-endpoints", ADMIN_SEES),
    Row("POST /v1/webhook-endpoints", ADMIN_MAKES, ENDPOINT),
    Row("GET /v1/webhook-endpoints/{endpoint_id}", ADMIN_SEES),
    Row("PATCH /v1/webhook-endpoints/{endpoint_id}", ADMIN, NAME),
    Row("DELETE /v1/webhook-endpoints/{endpoint_id}", ADMIN_DELETES),
    Row("POST /v1/webhook-endpoints/{endpoint_id}/rotate-secret", ADMIN),
    Row("POST /v1/webhook-endpoints/{endpoint_id}/test", ADMIN_QUEUES),
    Row("POST /v1/webhook-endpoints/{endpoint_id}/replay", ADMIN_QUEUES, {"since": "2026-11-01T00:00:00Z"}),
    Row("GET /v1/events", ADMIN_SEES),
    Row("GET /v1/events/{event_id}", ADMIN_SEES),
    Row("GET /v1/deliveries", ADMIN_SEES),
    Row("GET /v1/deliveries/{delivery_id}", ADMIN_SEES),
    Row("POST /v1/deliveries/{delivery_id}/resend", ADMIN_QUEUES),
    Row("GET /v1/dialler-connections", ADMIN_SEES),
    Row("POST /v1/dialler-connections", ADMIN_MAKES, DIALLER),
    Row("GET /v1/dialler-connections/{connection_id}", ADMIN_SEES),
    Row("PATCH /v1/dialler-connections/{connection_id}", ADMIN, NAME),
    Row("DELETE /v1/dialler-connections/{connection_id}", ADMIN_DELETES),
    Row("POST /v1/dialler-connections/{connection_id}/rotate-secret", ADMIN),
    Row("POST /v1/bounces", ADMIN, "no report"),
    Row("POST /v1/itip", ADMIN, REPLY),
    Row("GET /v1/mail-troubles", ADMIN_SEES),
    Row("DELETE /v1/mail-troubles/{email}", ADMIN_DELETES),
    Row("GET /v1/feeds", ALL),
    Row("POST /v1/feeds", (201, 403, 201, 401), {"person_id": "<ben>", "kind": "personal"},
        but=NOT_BENS | {"other_lead": 403}),
    Row("POST /v1/feeds", (409, 409, 403, 401), {"person_id": "<ana>", "kind": "personal"}, but={"lead": 403}),
    Row("GET /v1/feeds/{feed_id}", PRIVATE, but=ALONE),
    Row("POST /v1/feeds/{feed_id}/rotate", PRIVATE, but=ALONE),
    Row("POST /v1/feeds/{feed_id}/revoke", PRIVATE, but=ALONE),
    Row("GET /feeds/{secret}.ics", PUBLIC),
    Row("POST /v1/imports", ADMIN, "name,email,time_zone\nEve,e@earshot.example,Etc/UTC\n", query={"kind": "people"}),
    Row("GET /v1/imports", ADMIN_SEES),
    Row("GET /v1/imports/{import_id}", ADMIN_SEES),
    Row("POST /v1/imports/{import_id}/undo", (202, 404, 404, 401)),
    Row("GET /v1/message-templates", ADMIN_SEES),
    Row("GET /v1/message-templates/{kind}/{language}", ADMIN_SEES),
    Row("PUT /v1/message-templates/{kind}/{language}", ADMIN, WORDS),
    Row("DELETE /v1/message-templates/{kind}/{language}", ADMIN_DELETES),
    Row("POST /v1/message-templates/{kind}/{language}/preview", ADMIN_SEES, WORDS, but={"auditor": 200}),
    Row("GET /v1/audit", ADMIN_SEES, but={"integration": 404}),
    Row("GET /v1/audit.csv", ADMIN_SEES, but={"integration": 404}),
    Row("GET /v1/settings", ALL),
    Row("GET /v1/monitoring-notice", ALL),
    Row("GET /v1/settings/privacy", ALL),
    Row("PATCH /v1/settings/privacy", ADMIN, {"person_insights": False}, but=BY_ADMINS),
    Row("GET /v1/settings/retention", ALL),
    Row("PATCH /v1/settings/retention", ADMIN, {"days": {"jobs": 14}}, but=BY_ADMINS),
    Row("GET /v1/retention/report", ADMIN_SEES),
    Row("GET /v1/settings/effective", ALL),
    Row("GET /v1/settings/effective", PRIVATE, query={"call_id": "<sensitive_call>"}),
    Row("PATCH /v1/settings", ADMIN, {"min_notice_minutes": 30}),
    Row("GET /v1/api-keys", ALL),
    Row("POST /v1/api-keys", (201, 201, 403, 401), {"name": "Laptop", "person_id": "<ana>"},
        but={"lead": 403, "integration": 403}),
    Row("POST /v1/api-keys", ADMIN_MAKES, {"name": "CRM", "role": "integration", "scopes": ["calls:read"]},
        but={"lead": 403, "integration": 403}),
    Row("GET /v1/api-keys/{key_id}", PRIVATE, but=ALONE),
    Row("PATCH /v1/api-keys/{key_id}", PRIVATE, NAME, but=ALONE | BY_ADMINS),
    Row("PATCH /v1/api-keys/{key_id}", (200, 403, 404, 401), {"requests_per_minute": 5}, but=ALONE | BY_ADMINS),
    Row("POST /v1/api-keys/{key_id}/rotate", PRIVATE, {"overlap_hours": 1}, but=ALONE | BY_ADMINS),
    Row("POST /v1/api-keys/{key_id}/revoke", PRIVATE, but=ALONE | BY_ADMINS),
    Row("GET /healthz", PUBLIC),
    Row("GET /readyz", PUBLIC),
    # Pages are asked by browsers; a key opens none.
    Row("GET /", (200, 200, 200, 303)),
    Row("GET /week", (200, 200, 200, 303)),
    Row("GET /connections", (200, 404, 404, 303)),
    Row("POST /connections", (404, 404, 404, 303), query={"do": "clear"}),
    Row("GET /connections/diallers", (200, 404, 404, 303)),
    Row("POST /connections/diallers", (422, 404, 404, 303)),
    Row("GET /connections/diallers/{connection_id}", (200, 404, 404, 303)),
    Row("POST /connections/diallers/{connection_id}", (303, 404, 404, 303), query={"do": "pause"}),
    Row("GET /settings", (200, 404, 404, 303)),
    Row("POST /settings", (422, 404, 404, 303)),
    Row("GET /settings/retention", (200, 404, 404, 303)),
    Row("POST /settings/retention", (303, 404, 404, 303), but=BY_ADMINS),
    Row("GET /settings/call-types", (200, 404, 404, 303)),
    Row("POST /settings/call-types", (422, 404, 404, 303), query={"do": "add"}),
    Row("GET /settings/skills", (200, 404, 404, 303)),
    Row("POST /settings/skills", (422, 404, 404, 303), query={"do": "add"}),
    Row("GET /settings/matching", (200, 404, 404, 303), but=RUNS_IT),
    Row("POST /settings/matching", (422, 404, 404, 303), but=RUNS_IT),
    Row("GET /settings/privacy", (200, 404, 404, 303)),
    Row("POST /settings/privacy", (303, 404, 404, 303), but=BY_ADMINS),
    Row("GET /settings/messages", (200, 404, 404, 303)),
    Row("POST /settings/messages", (422, 404, 404, 303), query={"do": "save", "kind": "seat_booked"}),
    Row("GET /import", (200, 404, 404, 303), but={"auditor": 404}),
    Row("GET /import/{import_id}", (200, 404, 404, 303), but={"auditor": 404}),
    Row("POST /import/{import_id}/undo", (303, 404, 404, 303), but=ANYBODYS),
    Row("POST /import", (422, 404, 404, 303), query={"do": "check"}, but=ANYBODYS),
    Row("GET /calls", (200, 200, 200, 303)),
    Row("POST /calls", (303, 403, 403, 303), query={"do": "seats", "of": "<call_id>"}),
    Row("GET /calls/{call_id}", (200, 200, 200, 303)),
    Row("GET /calls/{call_id}", (200, 200, 200, 303), ids={"call_id": "shadowed_call"}),
    Row("GET /calls/{call_id}", (200, 200, 404, 303), ids=SENSITIVE),
    Row("GET /calls/{call_id}", (200, 200, 404, 303), ids=CLOSED),
    Row("POST /", (303, 303, 303, 303), query={"do": "dialling"}),
    Row("POST /", (409, 409, 404, 303), query={"do": "drop-in", "call": "<sensitive_call>"}),
    Row("POST /calls/{call_id}", (303, 303, 303, 303), query={"do": "take"}),
    Row("POST /calls/{call_id}", (409, 409, 404, 303), ids=SENSITIVE, query={"do": "take"}),
    Row("GET /book", (200, 200, 200, 303)),
    Row("GET /book", (200, 200, 404, 303), query={"who": "<ana>"}),
    Row("POST /book", (303, 303, 303, 303), query={"do": "take", "call": "<call_id>"}),
    Row("POST /book", (303, 303, 403, 303), query={"do": "take", "call": "<call_id>", "who": "<ana>"}),
    Row("GET /s/{session_id}", (200, 200, 404, 303)),
    Row("POST /s/{session_id}", (403, 303, 404, 303), query={"do": "accept"}, but={"lead": 403}),
    Row("GET /s/{session_id}/invite.ics", (200, 200, 404, 303), but=ALONE),
    Row("GET /matches", (200, 200, 200, 303)),
    Row("POST /matches", (303, 403, 403, 303), but=RUNS_IT),
    Row("GET /matches/runs/{run_id}", (200, 404, 404, 303), but=RUNS_IT),
    Row("POST /matches/runs/{run_id}", (303, 404, 404, 303), query={"do": "drop"}, but=RUNS_IT),
    Row("GET /plans", (200, 404, 404, 303), but=RUNS_IT | {"lead": 200, "other_lead": 200}),
    Row("POST /plans", (303, 403, 403, 303), but=RUNS_IT),
    Row("GET /plans/{run_id}", (200, 404, 404, 303), but=RUNS_IT),
    Row("POST /plans/{run_id}", (303, 404, 404, 303), query={"do": "drop"}, but=RUNS_IT),
    Row("GET /m/{match_id}", (200, 200, 404, 303), but=RUNS_IT),
    Row("POST /m/{match_id}", (303, 303, 404, 303), query={"do": "pause"}, but=RUNS_IT),
    Row("GET /v1/floor/stream", (406, 406, 406, 401)),  # who asks like this waits for an end that does not come
    Row("GET /stream", (406, 406, 406, 303), query={"topic": "floor"}),
    Row("GET /power-hours", (200, 200, 200, 303)),
    Row("POST /power-hours", (422, 403, 403, 303), but={"lead": 422, "other_lead": 422}),
    Row("GET /power-hours/{power_hour_id}", (200, 200, 404, 303)),
    Row("POST /power-hours/{power_hour_id}", (422, 403, 404, 303), query={"do": "cancel"}, but={"lead": 422}),
    Row("GET /docs", PUBLIC),
    Row("GET /docs/{group_id}", PUBLIC),
    Row("GET /login", PUBLIC),
    Row("POST /login", (422, 422, 422, 422), but=ANYBODYS),
    Row("GET /login/oidc", (404, 404, 404, 404)),
    Row("GET /login/oidc/callback", (404, 404, 404, 404)),
    Row("GET /people", (200, 200, 200, 303)),
    Row("POST /people", (422, 403, 403, 303), query={"do": "add"}),
    Row("GET /people/{person_id}", (200, 200, 200, 303)),
    Row("POST /people/{person_id}", (303, 403, 403, 303), query={"do": "leave"}),
    Row("GET /me", (200, 200, 200, 303)),
    Row("POST /me", (303, 303, 303, 303), query={"do": "keys"}, but=ANYBODYS),
    Row("GET /me/feeds", (200, 200, 200, 303), but=UNBOOKED),
    Row("POST /me/feeds", (422, 422, 422, 303), query={"do": "rotate"}),
    Row("GET /me/calendars", (200, 200, 200, 303), but=UNBOOKED),
    Row("POST /me/calendars", (422, 422, 422, 303), query={"do": "connect"}),
    Row("GET /me/security", (200, 200, 200, 303)),
    Row("GET /setup", (200, 404, 404, 303), but={"auditor": 404, "integration": 404}),
    Row("GET /audit", (200, 404, 404, 303), but={"integration": 404}),
    Row("GET /audit.csv", (200, 404, 404, 303), but={"integration": 404}),
    Row("GET /jobs", (200, 404, 404, 303), but={"integration": 404}),
    Row(
        "POST /jobs",
        (303, 404, 404, 303),
        query={"do": "cancel", "job": "<job_id>"},
        but=UNSEEN,
    ),
    Row("GET /webhooks", (200, 404, 404, 303), but={"integration": 404}),
    Row("POST /webhooks", (422, 404, 404, 303), but=UNSEEN),
    Row("GET /webhooks/{endpoint_id}", (200, 404, 404, 303), but={"integration": 404}),
    Row("POST /webhooks/{endpoint_id}", (303, 404, 404, 303), query={"do": "pause"}, but=UNSEEN),
    Row("GET /keys", (200, 404, 404, 303), but={"integration": 404}),
    Row(
        "POST /keys",
        (422, 404, 404, 303),
        query={"do": "revoke", "key": "<key_id>"},
        but=UNSEEN,
    ),
    Row("POST /me/theme", (303, 303, 303, 303), but=ANYBODYS),
    Row("GET /privacy", (200, 200, 200, 303)),
    Row("GET /privacy/mine", (200, 200, 200, 303)),
    Row("POST /me/security/sign-out", (303, 303, 303, 303), but=ANYBODYS),
    Row("POST /me/security/connect", (404, 404, 404, 404), but=ANYBODYS),
    Row("POST /me/security/disconnect", (404, 404, 404, 404), but=ANYBODYS),
    Row("POST /act-for", (403, 403, 403, 303)),
    Row("POST /act-for/stop", (303, 303, 303, 303), but=ANYBODYS),
    Row("POST /act-for/{person_id}", (303, 403, 403, 303)),
    Row("GET /login/t/{token}", (410, 410, 410, 410)),
    Row("POST /login/t/{token}", (410, 410, 410, 410), but=ANYBODYS),
    Row("GET /r/{token}/mail", (404, 404, 404, 404)),
    Row("POST /r/{token}/mail", (404, 404, 404, 404), but=ANYBODYS),
    Row("POST /logout", (303, 303, 303, 303), but=ANYBODYS),
    Row("POST /hooks/dialler/{connection_id}", (303, 303, 303, 303), but=ANYBODYS),  # a browser signs nothing
    Row("GET /assets/{digest}/{name}", (404, 404, 404, 404)),
)  # fmt: skip
OPERATIONS = {operation.route: operation for operation in operations()}
UNVERSIONED = {"GET /feeds/{secret}.ics", "GET /healthz", "GET /readyz"}
every_row = pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("world")) as made:
        yield made


def test_every_route_of_the_app_has_a_row() -> None:
    there = {f"{method} {route.path_format}" for route in routes() for method in route.methods or ()}

    lines = "\n".join(f'    Row("{route}", ...),' for route in sorted(there - {row.route for row in MATRIX}))
    assert not lines, f"say in MATRIX who may do what:\n{lines}"
    assert {row.route for row in MATRIX} == there
    assert OPERATIONS.keys() == {route for route in there if "/v1/" in route} | UNVERSIONED


@every_row
def test_each_asker_gets_what_is_theirs_and_a_refusal_changes_nothing(world: World, row: Row) -> None:
    is_page = row.route not in OPERATIONS
    askers = world.browsers if is_page else world.keys | world.outsiders
    quiet = [who for who in askers if row.policy.of(who) >= 400 or row.changes_nothing]
    before = world.contents()
    answers = {who: _ask(world, askers[who], row) for who in quiet}
    assert [table for table, rows in world.contents().items() if rows != before[table]] == []
    for who in askers.keys() - set(quiet):
        with world.undone():
            answers[who] = _ask(world, askers[who], row)

    got = {who: answer.status_code for who, answer in answers.items()}
    other = {who: (row.policy.of(who), status) for who, status in got.items() if row.policy.of(who) != status}
    assert not other, f"{row.name}: (in the matrix, in truth): {other}"
    for who, answer in answers.items():
        assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
        if not is_page:
            assert_described(OPERATIONS[row.route], answer)
        is_refused = answer.status_code in (401, 403, 404) and who not in ("admin", "concerned", "integration")
        if (is_refused or who in (*STRANGERS, *world.outsiders)) and row.expected != PUBLIC:
            world.assert_tells_no_secret(answer)


OWN_READS = (
    "skills", "availability", "availability/pauses", "busy", "calendars", "mail-settings", "browser-sessions", "export",
    "freebusy.ics",
)  # fmt: skip
OWN_WRITES = {"availability": HOURS, "busy": BUSY, "skills": {"skills": []}}


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_sees_and_changes_their_own_and_nobody_that_of_somebody_elses(world: World, who: str) -> None:
    client, mine, elses = world.keys[who], world.ids[PEOPLE[who]], world.ids["mara"]
    with world.undone():
        seen = {part: client.get(f"/v1/people/{mine}/{part}").status_code for part in OWN_READS}
        changed = {part: client.put(f"/v1/people/{mine}/{part}", json=OWN_WRITES[part]) for part in OWN_WRITES}
        others = {part: client.get(f"/v1/people/{elses}/{part}").status_code for part in OWN_READS}
        refused = [client.put(f"/v1/people/{elses}/{part}", json=OWN_WRITES[part]) for part in OWN_WRITES]

    assert seen == dict.fromkeys(OWN_READS, 200)
    own = 403 if who == "auditor" else 200
    assert {part: answer.status_code for part, answer in changed.items()} == dict.fromkeys(OWN_WRITES, own)
    unseen = dict.fromkeys(OWN_READS, 404)
    expected = {**dict.fromkeys(OWN_READS, 200), "browser-sessions": 404, "export": 404} if who == "auditor" else unseen
    assert others == expected
    assert all(answer.status_code in (403, 404) for answer in refused)


AN_AUDITORS_OWN = (
    "PATCH /v1/people/{person_id}",  # on which clock their pages are
    "POST /v1/me/sign-out-everywhere",
    "POST /v1/api-keys",  # a key that reads
)


@pytest.mark.parametrize(
    "row", [one for one in MATRIX if one.route in OPERATIONS and one.method != "GET"], ids=lambda one: one.name
)
def test_an_auditor_acts_on_nothing_in_their_own_name_either(world: World, row: Row) -> None:
    me = world.ids["audrey"]
    as_hers = replace(world, ids={**world.ids, **dict.fromkeys(("ana", "ben", "person_id"), me)})

    with world.undone():
        before = world.contents()
        answer = _ask(as_hers, world.keys["auditor"], row)
        changed = [table for table, rows in world.contents().items() if rows != before[table]]

    if row.route in AN_AUDITORS_OWN and answer.status_code < 300:
        return
    assert (answer.status_code in (403, 404) or row.policy.auditor == 200, changed) == (True, []), answer.text


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.route)
def test_a_key_of_another_part_of_the_api_gets_nowhere(world: World, operation: Operation) -> None:
    row = next(row for row in MATRIX if row.route == operation.route)
    tag = operation.described["tags"][0]
    other = Area.WEBHOOKS if AREA_OF_TAG.get(tag) is Area.JOBS else Area.JOBS

    answer = _ask(world, world.scoped[other], row)

    if row.expected == PUBLIC:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert answer.json().get("scope") == scope_of(tag, operation.method)
        world.assert_tells_no_secret(answer)


def test_the_matrix_holds_on_postgresql_wherever_nothing_changes(postgres_url: str, tmp_path: Path) -> None:
    with a_world(postgres_url, tmp_path) as world:
        before = world.contents()
        for row in (row for row in MATRIX if row.route in OPERATIONS):
            for who, client in (world.keys | {"revoked": world.outsiders["revoked"]}).items():
                if row.policy.of(who) >= 400 or row.changes_nothing:
                    answer = _ask(world, client, row)
                    assert answer.status_code == row.policy.of(who), (row.name, who, answer.text)
        assert world.contents() == before


FOR_WHOEVER_HAS_THE_ADDRESS, WITHOUT_END = "/feeds/{secret}.ics", "/v1/floor/stream"
EXPORT, OWN_EXPORT = "GET /v1/people/{person_id}/export", "GET /privacy/mine"
OF_THEIR_PROGRAM = ("programs", "matching", "planning", "operations")
"""Tags of what who runs a program sees of it."""


@pytest.mark.parametrize(
    "operation",
    [o for o in operations() if o.method == "GET" and o.path not in (FOR_WHOEVER_HAS_THE_ADDRESS, WITHOUT_END)],
    ids=lambda o: o.route,
)
def test_no_read_tells_a_stranger_what_is_not_theirs(world: World, operation: Operation) -> None:
    not_for = {"concerned": "data subject"} if operation.route == EXPORT else {}
    if operation.described["tags"][0] not in OF_THEIR_PROGRAM:
        not_for["program manager"] = "stranger"
    snoopers = {**world.keys, "anonymous": world.outsiders["anonymous"]}
    for path in _addresses(world, operation.path):
        for who, client in snoopers.items():
            answer = client.get(path, params=_example(world, operation.required_query()))
            unready = () if who in STRANGERS else (409,)  # what there is to be seen of it is not there now
            assert answer.status_code in (200, 401, 404, *unready), answer.text
            world.assert_tells_no_secret(answer, not_for.get(who, who))
        for query in _queries(world, operation):
            answer = world.stranger.get(path, params=query)
            refused = (403, 404) if "joinable_by" in query else (404,)  # what Ana may join is hers to know
            assert answer.status_code in (200, *refused), (query, answer.text)
            world.assert_tells_no_secret(answer)


def test_neither_a_feed_nor_a_page_tells_what_is_not_theirs(world: World) -> None:
    feed = world.outsiders["anonymous"].get(world.path(FOR_WHOEVER_HAS_THE_ADDRESS))
    assert feed.status_code == 200
    world.assert_tells_no_secret(feed, "concerned")

    for row in (row for row in MATRIX if row.route not in OPERATIONS and row.method == "GET"):
        for who in (*PEOPLE, "admin", "anonymous", "over"):
            answer = _ask(world, world.browsers[who], row)
            is_hers = who == "concerned" and row.route == OWN_EXPORT
            world.assert_tells_no_secret(answer, "data subject" if is_hers else who)


def test_a_key_opens_no_page(world: World) -> None:
    for row in (row for row in MATRIX if row.route not in OPERATIONS):
        by_key, by_nobody = (_ask(world, client, row) for client in (world.admin, world.outsiders["anonymous"]))
        assert (by_key.status_code, by_key.headers.get("location")) == (
            by_nobody.status_code,
            by_nobody.headers.get("location"),
        )


def test_the_secrets_are_there_to_be_told(world: World) -> None:
    told = ""
    for operation in OPERATIONS.values():
        if operation.method == "GET":
            query = _example(world, operation.required_query())
            told += "".join(world.admin.get(path, params=query).text for path in _addresses(world, operation.path))

    there = {*world.secrets, OF_THE_HOUSE, OF_A_RUN, OF_ANA} - {world.ids["secret"]}
    assert [secret for secret in there if secret not in told] == []


def test_the_way_into_a_call_is_told_to_who_is_on_it_and_to_nobody_else(world: World) -> None:
    def told(client: httpx.Client, call: str) -> bool:
        one = client.get(f"/v1/calls/{world.ids[call]}").json()["meeting_url"]
        listed = {call["id"]: call["meeting_url"] for call in client.get("/v1/calls").json()["data"]}
        assert listed[world.ids[call]] == one
        return one is not None

    assert all(told(world.admin, call) for call in ("call_id", "shadowed_call", "sensitive_call"))
    assert [told(world.concerned, call) for call in ("sensitive_call", "shadowed_call", "call_id")] == [
        True,
        True,
        False,
    ]
    assert [told(world.stranger, call) for call in ("shadowed_call", "call_id")] == [False, False]


def test_a_level_that_somebody_keeps_to_themselves_can_not_be_searched_for(world: World) -> None:
    def found(client: httpx.Client, skill: str) -> set[str]:
        return {one["id"] for one in client.get("/v1/people", params={"skill": skill}).json()["data"]}

    ana, mara = world.ids["ana"], world.ids["mara"]
    who_may = ("admin", "integration", "auditor", "lead", "concerned")
    private = {who: found(client, PRIVATE_SKILL) for who, client in world.keys.items()}
    assert private == {who: {ana} if who in who_may else set() for who in world.keys}
    assert all(found(client, TAUGHT_SKILL) == {mara} for client in world.keys.values())


def _ask(world: World, client: httpx.Client, row: Row) -> httpx.Response:
    ids = {name: world.ids[value] for name, value in row.ids.items()}
    path = world.path(row.route.partition(" ")[2], **ids)
    if isinstance(row.body, str):
        sent: dict[str, Any] = {"content": row.body, "headers": {"Content-Type": _KINDS[row.route]}}
    else:
        sent = {} if row.body is None else {"json": _filled(row.body, world)}
    return client.request(row.method, path, params=_filled(row.query, world), **sent)


_KINDS = {"POST /v1/imports": "text/csv", "POST /v1/bounces": "message/rfc822", "POST /v1/itip": "text/calendar"}
"""What bodies are that are no JSON."""


def _filled(body: Any, world: World) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, world) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, world) for value in body]
    return world.ids[body[1:-1]] if isinstance(body, str) and body.startswith("<") else body


def _example(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """The query with Ana for the people in it."""
    return {name: world.ids["ana"] if name == "person_id" else value for name, value in query.items()}


def _words(body: Any) -> list[str]:
    return [str(word) for word in (*body, *body.values())] if isinstance(body, dict) else []


def _addresses(world: World, template: str) -> set[str]:
    """Every path that can be made of this template with what the world has in its place."""
    several = {
        "run_id": ("match_run", "plan_run"),
        "call_id": ("call_id", "shadowed_call", "sensitive_call", "closed_call"),
        "person_id": ("ana", "ben", "mara", "left"),
        "enrollment_id": ("enrollment_id", "mentee_enrollment"),
    }
    names = [name for name in (*several, *world.ids) if f"{{{name}}}" in template]
    choices = [several.get(name, (name,)) for name in dict.fromkeys(names)]
    return {
        world.path(template, **{name: world.ids[of] for name, of in zip(dict.fromkeys(names), chosen, strict=True)})
        for chosen in product(*choices)
    }


def _queries(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    """Every filter with everything that could find something, beside what must be asked for."""
    required = _example(world, operation.required_query())
    for parameter in operation.parameters("query"):
        name = parameter["name"]
        if name not in ("limit", "cursor", *required):
            for value in _values(world, parameter["schema"], of=name.removesuffix("_id")):
                yield {**required, name: value}


def _values(world: World, schema: dict[str, Any], *, of: str) -> list[Any]:
    if "$ref" in schema:
        return _values(world, resolved(schema["$ref"]), of=of)
    if "anyOf" in schema:
        return _values(world, schema["anyOf"][0], of=of)
    if "enum" in schema:
        return cast(list[Any], schema["enum"])
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "array":
        return _values(world, schema["items"], of=of)
    if schema.get("format") == "date-time":
        return ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]
    if "default" in schema:  # how to answer, not what to find
        return [schema["default"]]
    if schema.get("type") == "integer":
        return [0, 1]
    assert schema["type"] == "string", schema
    people = ("person", "host", "mentee", "mentor", "manager")
    known = [world.ids["ana"]] if of in people else [id_ for name, id_ in world.ids.items() if of in name]
    return [CANARY, CANARY.upper(), PRIVATE_SKILL, "negotiation", *known]
