"""The catalogue of published acts against what operations really tell, read from their text."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from app.rules.published import PUBLISHED, TESTED
from app.vocabulary import RunStatus, SeatStatus, SessionStatus, WaitlistStatus

APP = Path(__file__).parents[2] / "app"
WRITTEN_IN = (APP / "operations", APP / "queries")
INSIDE = {
    "api_key",
    "availability",
    "browser_session",
    "busy",
    "call_type",
    "connected_calendar",
    "delivery",
    "dialler_connection",
    "feed",
    "hand",
    "import",
    "installation",
    "job",
    "mail_setting",
    "mail_trouble",
    "message_template",
    "pair_rule",
    "pause",
    "preferences",
    "presence",
    "program",
    "retention",
    "request",
    "settings",
    "sign_in",
    "sign_in_link",
    "skill",
    "skills",
}
"""Of these, nothing is for outsiders."""
KEPT_INSIDE = {
    "earshot.herald",  # names of loggers
    "earshot.http",
    "event.passed_over",  # what an event was that could not be told: an admin's page and the doctor say so
    *(f"person.{done}" for done in ("signed_in", "acting_begun", "acting_ended")),
    *(f"person.identity_{done}" for done in ("connected", "disconnected")),
    *(f"webhook_endpoint.{done}" for done in ("changed", "created", "deleted", "disabled", "replayed", "rotated")),
}
"""URLs of endpoints are secrets of who gave them."""
NO_ACTS = {"installation.py"}  # its skills have such names
WORDS: dict[str, type[StrEnum]] = {
    "match_run": RunStatus,
    "plan_run": RunStatus,
    "plan_run.publishing": RunStatus,
    "seat": SeatStatus,
    "session": SessionStatus,
    "waitlist_entry": WaitlistStatus,
}
_ACT = re.compile(r"[a-z_]+\.[a-z_]*[a-z]")
_BEGUN = re.compile(r"([a-z_]+)\.|(plan_run\.publishing)_")


def told() -> tuple[set[str], set[str]]:
    """Return the acts that operations name, and those that they may put together from a state."""
    named, composed = set[str](), set[str]()
    for path in (path for folder in WRITTEN_IN for path in folder.glob("*.py") if path.name not in NO_ACTS):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ACT.fullmatch(node.value):
                named.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                composed |= set(_composed(node))
    return named, composed


def _composed(node: ast.JoinedStr) -> Iterator[str]:
    begun = str(getattr(node.values[0], "value", ""))
    if found := _BEGUN.fullmatch(begun):
        yield from (f"{begun}{word}" for word in WORDS.get(found[1] or found[2], ()))


def test_every_act_that_operations_name_is_published_or_kept_inside_on_purpose() -> None:
    named, _ = told()

    forgotten = {act for act in named if act.partition(".")[0] not in INSIDE} - KEPT_INSIDE - PUBLISHED.keys()

    assert forgotten == set()


def test_nothing_is_published_that_no_operation_tells() -> None:
    named, composed = told()

    assert {act for act in PUBLISHED if act not in named | composed} == {
        TESTED,  # which has its name from there
    }


def test_nothing_of_what_is_inside_is_published() -> None:
    assert {act for act in PUBLISHED if act.partition(".")[0] in INSIDE or act in KEPT_INSIDE} == set()
