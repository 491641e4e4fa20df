"""Every page of the product, for the tests that walk over all of them: as markup, in a browser, with axe, for pictures.

A new page is one entry. When what its path refers to is not in the houses yet, `furnish` puts it there: a function that
is given the house while it is filled (`Furnishing`) and returns what the path refers to. It writes what people wrote
as `house.text("…")`, so that it is hostile in a hostile house, and how many as `house.many(3, huge=200)`.
"""

from dataclasses import dataclass

from tests.web.furnished_access import diallers, endpoints, jobs, keys
from tests.web.furnished_floor import hours_of_the_house
from tests.web.furnished_imports import imports_of_the_house
from tests.web.furnished_me import feeds_and_calendars
from tests.web.furnished_runs import match_runs_of_the_house, plans_of_the_house
from tests.web.furniture import FURNITURE
from tests.web.houses import NOBODY, REFUSALS, Furnish, State

JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, ADMIN, AUDITOR = (
    "junior",
    "mentor",
    "manager",
    "program manager",
    "admin",
    "auditor",
)
EVERYBODY = (JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, ADMIN, AUDITOR)
BOOKED = (JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, ADMIN)
LOOK_AFTER = (ADMIN, AUDITOR)


@dataclass(frozen=True, slots=True)
class HousePage:
    """One page."""

    name: str
    """Unique; its pictures are called so."""
    path: str
    """With names of `House.known` in braces: `/calls/{call_id}`. An empty house has no such page."""
    who: tuple[str, ...]
    """Who finds it. Pictures, axe and geometry show it to the first."""
    status: int = 200
    furnish: Furnish | None = None
    by_mail: bool = False
    """Whether mails lead here: what is pressed is 44 px high on every screen."""
    in_readme: bool = False
    """Whether the README shows it."""


PAGES: tuple[HousePage, ...] = (
    HousePage("floor", "/", EVERYBODY, in_readme=True),
    HousePage("week", "/week", EVERYBODY, in_readme=True),
    HousePage("week of a clock change", "/week?d=2026-W43", (MENTOR,)),
    HousePage("week of one who is led", "/week?who={junior}&zone=Asia/Kolkata", (MANAGER, ADMIN, AUDITOR)),
    HousePage("week of a team", "/week?team={team_id}", (MANAGER, AUDITOR)),
    HousePage("import", "/import", (ADMIN,)),
    HousePage("connections", "/connections", LOOK_AFTER),
    HousePage("diallers", "/connections/diallers", LOOK_AFTER, furnish=diallers),
    HousePage("dialler", "/connections/diallers/{connection_id}", LOOK_AFTER, furnish=diallers),
    HousePage("settings", "/settings", LOOK_AFTER),
    HousePage("call types", "/settings/call-types?change=discovery", LOOK_AFTER),
    HousePage("skills", "/settings/skills?change=demo.tailoring", LOOK_AFTER),
    HousePage("matching", "/settings/matching", LOOK_AFTER),
    HousePage("words of mails", "/settings/messages?kind=seat_requested&language=en", LOOK_AFTER),
    HousePage("what staff are told", "/settings/privacy", LOOK_AFTER),
    HousePage("retention", "/settings/retention", LOOK_AFTER),
    HousePage("imported", "/import/{import_id}", (ADMIN,), furnish=imports_of_the_house),
    HousePage("import that is undone", "/import/{undone_import}", (ADMIN,)),
    HousePage("calls", "/calls", (ADMIN, JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, AUDITOR)),
    HousePage("change of a call", "/calls?change={call_id}", (MENTOR, ADMIN)),
    HousePage("one-on-one to move", "/s/{one_on_one}?show=times", (JUNIOR, MENTOR)),
    HousePage("book", "/book", EVERYBODY),
    HousePage("book for one who is led", "/book?who={junior}", (MANAGER, ADMIN, AUDITOR)),
    HousePage("call", "/calls/{call_id}", (JUNIOR, MENTOR, MANAGER, ADMIN, AUDITOR)),
    HousePage("call under way", "/calls/{live_call}", (MENTOR, JUNIOR, ADMIN)),
    HousePage("call that is full", "/calls/{full_call}", (JUNIOR, MENTOR)),
    HousePage("call whose host decides", "/calls/{asked_call}", (JUNIOR, ADMIN)),
    HousePage("session", "/s/{session_id}", (JUNIOR, MENTOR, MANAGER, ADMIN, AUDITOR)),
    HousePage("one-on-one", "/s/{one_on_one}", (JUNIOR, MENTOR)),
    HousePage(
        "matches",
        "/matches",
        (ADMIN, JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, AUDITOR),
        furnish=match_runs_of_the_house,
    ),
    HousePage("match run", "/matches/runs/{run_id}", (ADMIN, PROGRAM_MANAGER, AUDITOR), in_readme=True),
    HousePage("match run and rivals", "/matches/runs/{run_id}?others=true", (ADMIN, AUDITOR)),
    HousePage("match run that waits", "/matches/runs/{waiting_run}", (ADMIN, AUDITOR)),
    HousePage("plans", "/plans", (ADMIN, MANAGER, PROGRAM_MANAGER, AUDITOR), furnish=plans_of_the_house),
    HousePage("plan", "/plans/{plan_id}?seat={planned_seat}", (ADMIN, PROGRAM_MANAGER, AUDITOR)),
    HousePage("plan that waits", "/plans/{waiting_plan}", (ADMIN, PROGRAM_MANAGER, AUDITOR)),
    HousePage("match", "/m/{match_id}", (JUNIOR, MENTOR, MANAGER, PROGRAM_MANAGER, ADMIN, AUDITOR)),
    HousePage("match that is asked for", "/m/{asked_match}", (MENTOR, ADMIN)),
    HousePage("power hours", "/power-hours", (ADMIN, MANAGER, JUNIOR, AUDITOR), furnish=hours_of_the_house),
    HousePage("power hour", "/power-hours/{hour_on}", (JUNIOR, MENTOR, ADMIN, AUDITOR)),
    HousePage("power hour to change", "/power-hours/{hour_to_come}", (MANAGER, JUNIOR, ADMIN)),
    HousePage("sign in", "/login", (NOBODY,)),
    HousePage("link was sent", "/login?sent=true", (NOBODY,)),
    HousePage("sign-in link", "/login/t/{sign_in_token}", (NOBODY,), by_mail=True),
    HousePage("mail", "/r/{mail_token}/mail", (NOBODY,), by_mail=True),
    HousePage("people", "/people", (ADMIN, MANAGER, AUDITOR, JUNIOR)),
    HousePage("person", "/people/{colleague}", (ADMIN, MANAGER, AUDITOR, JUNIOR)),
    HousePage("person who is led", "/people/{junior}", (MANAGER, ADMIN, MENTOR, JUNIOR)),
    HousePage("about you", "/me", EVERYBODY),
    HousePage("feeds", "/me/feeds", BOOKED, furnish=feeds_and_calendars),
    HousePage("calendars", "/me/calendars", BOOKED),
    HousePage("security", "/me/security", EVERYBODY),
    HousePage("first steps", "/setup", (ADMIN,)),
    HousePage("audit", "/audit", LOOK_AFTER),
    HousePage("audit of one thing", "/audit?of={match_id}&act=match.*", LOOK_AFTER),
    HousePage("jobs", "/jobs", LOOK_AFTER, furnish=jobs),
    HousePage("jobs that were given up", "/jobs?status=dead", LOOK_AFTER, furnish=jobs),
    HousePage("keys", "/keys", LOOK_AFTER, furnish=keys),
    HousePage("key", "/keys?key={key_id}", LOOK_AFTER, furnish=keys),
    HousePage("webhooks", "/webhooks", LOOK_AFTER, furnish=endpoints),
    HousePage("webhook", "/webhooks/{endpoint_id}?delivery={delivery_id}", LOOK_AFTER, furnish=endpoints),
    HousePage("webhook that is paused", "/webhooks/{paused_endpoint}", LOOK_AFTER, furnish=endpoints),
    HousePage("privacy", "/privacy", EVERYBODY),
    HousePage("API docs", "/docs", (JUNIOR, NOBODY)),
    HousePage("API docs of seats", "/docs/seats", (JUNIOR, NOBODY)),
    HousePage("styleguide", "/styleguide", (NOBODY,)),
    HousePage("no such page", "/nowhere", (JUNIOR, NOBODY), status=404),
    *(HousePage(f"refusal {status}", f"/refused/{status}", (JUNIOR,), status=status) for status in REFUSALS),
)


def pages_in(state: State) -> list[HousePage]:
    """The pages of a house. In an empty one nothing is there that a path could name."""
    return [one for one in PAGES if state is not State.EMPTY or "{" not in one.path]


def furniture() -> tuple[Furnish, ...]:
    """Everything that stands in a house: of all, then what pages bring, each once."""
    brought = [one.furnish for one in PAGES if one.furnish is not None]
    return (*FURNITURE, *dict.fromkeys(brought))
