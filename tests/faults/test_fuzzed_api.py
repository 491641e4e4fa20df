"""Whatever the description of the API allows, and what it does not, is answered as it says (D14): cases that
schemathesis makes of it, against the service on a real socket.

Of each operation it has those that cover the description (each bound and each type of each field kept and broken, a
header left out, a method or a media type unknown), and some that are drawn. The seed and the world are the same in each
run, and each operation is asked in a world as it was: so are the cases and the answers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from copy import deepcopy
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from pydantic_core.core_schema import ErrorType
from requests import Session
from schemathesis import Case, Response
from schemathesis.checks import ignored_auth, negative_data_rejection
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override
from schemathesis.schemas import APIOperation

from tests.access_world import World, an_sqlite_world
from tests.described import document

GROUPS = 6
"""Operations are dealt out to so many tests, for several workers."""
WHO = ("admin", "program manager", "lead", "concerned", "auditor", "integration", "nobody")
"""One of each role, by what they are to Ana, and a key that there is not."""


class Strength(NamedTuple):
    """How much is asked with one key."""

    covering: int
    """Of each operation, how many of the cases that cover it at most."""
    drawn: Mapping[GenerationMode, int]
    """Of each operation, how many that are drawn, as described and otherwise: these cost ten times as much to make."""
    least: int
    """Cases in all, shared by the groups alike."""


USUAL = Strength(80, {GenerationMode.POSITIVE: 2}, 5_000)
OF_AN_ADMIN, OF_OTHERS = (
    Strength(covering, dict.fromkeys(GenerationMode, drawn), least)
    for covering, drawn, least in ((10_000, 140, 50_000), (120, 3, 5_000))
)
"""With --soak."""
_CHECKS = {
    # What a schema allows may be against a rule that none can say (such as that what ends has begun), of another
    # version than the one that is there, or for something that is over. See also `_contradicts`.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "410", "412", "422"]},
    # Of many at once each has an answer of its own (207); what is too large is refused as such.
    "negative_data_rejection": {
        "expected-statuses": [207, 400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422],
    },
}
_TEXTS = ("message/rfc822", "text/calendar", "text/csv")
SHARED, SHARED_EVERY = ("If-Match", "Idempotency-Key", "On-Behalf-Of"), 11
"""Headers of many operations, and of which part of these they are asked."""
_OF_SCHEMAS = set(get_args(ErrorType)) - {"value_error", "int_type"} | {"unknown_field"}
"""Faults that the description can tell beforehand. It cannot say that 4.0 is no integer here."""
Described = APIOperation[Any, Any, Any, Any]


@schemathesis.serializer(*_TEXTS)
def _as_it_is(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@cache
def operations(mode: GenerationMode) -> list[Described]:
    """Return what is described. No text that is allowed holds NUL, which is malformed wherever it stands. What headers
    mean that operations share, is asked of some of them: it is the same code for all.
    """
    described = deepcopy(document())
    del described["paths"]["/v1/floor/stream"]  # its answers have no end
    methods = [one for item in described["paths"].values() for one in item.values()]
    for index, one in enumerate(methods):
        if index % SHARED_EVERY:
            one["parameters"] = [p for p in one.get("parameters", ()) if p.get("name") not in SHARED]
    generation = {"allow-x00": mode is GenerationMode.NEGATIVE, "with-security-parameters": False}
    config = SchemathesisConfig.from_dict({"checks": _CHECKS, "generation": generation})
    every = schemathesis.openapi.from_dict(described, config=config).get_all_operations()
    return [found.ok() for found in every if isinstance(found, Ok)]


def covering(described: Described) -> list[Case[Any]]:
    """Return the cases that cover what is said of an operation, always the same in the same order."""
    return list(
        CoverageGenerator(
            operation=described,
            generation_modes=list(GenerationMode),
            generation_config=described.schema.config.generation_for(operation=described),
            auth_storage=None,
            override=Override(),
            feedback=NO_FEEDBACK,
        )
    )


def _spread(cases: list[Case[Any]], most: int) -> Iterator[Case[Any]]:
    """Return so many at most, evenly out of all."""
    return islice(cases, 0, None, -(-len(cases) // most) or 1)


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("fuzzed")) as made:
        yield made


class Fuzz:
    """Asks with one key; remembers how often, and what was answered otherwise than described."""

    def __init__(self, world: World, authorization: str, strength: Strength) -> None:
        self.wrong: dict[str, str] = {}
        self.asked: Counter[int] = Counter()
        self._strength = strength
        self._world = world
        self._authorization = {"Authorization": authorization}
        self._locked: set[str] = set()
        self._session = Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def some(self, group: int) -> None:
        """Ask every so many-th operation."""
        for described in operations(GenerationMode.POSITIVE)[group::GROUPS]:
            with self._world.undone():
                for case in _spread(covering(described), self._strength.covering):
                    self._ask(case)
        for mode, most in self._strength.drawn.items():
            for described in operations(mode)[group::GROUPS]:
                with self._world.undone(), suppress(Unsatisfiable):  # nothing could be wrong
                    self._draw(described, mode, most)

    def _draw(self, described: Described, mode: GenerationMode, most: int) -> None:
        @seed(7)
        @settings(
            max_examples=most,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=described.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            self._ask(case)

        ask()

    def _ask(self, case: Case[Any]) -> None:
        self._aim(case)
        answer = case.call(base_url=self._world.api.url, session=self._session, headers=self._authorization)
        self.asked[answer.status_code] += 1
        label, excluded = case.operation.label, []
        if label in self._locked:
            excluded.append(ignored_auth)
        if _is_mended(case):
            excluded.append(negative_data_rejection)
        try:
            case.validate_response(answer, excluded_checks=excluded, headers=self._authorization)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                self.wrong.setdefault(f"{label}: {failure}", str(failures)[-1500:])
        else:
            if answer.status_code < 300:
                self._locked.add(label)  # two more requests showed that it is closed to those without a key
        if why := _contradicts(case, answer):
            self.wrong.setdefault(f"{label}: {why}", str(case.body)[:500])

    def _aim(self, case: Case[Any]) -> None:
        """Ask about what exists, in whatever the case is not about."""
        about = _about(case)
        known = self._world.known(case.operation.path)
        if not _is_wrong_at(case, ParameterLocation.PATH):
            for name in case.path_parameters.keys() & known.keys():
                case.path_parameters[name] = known[name]
        for name in SHARED:
            if name not in about:  # another version, a key that was used before, nobody: all else would come to nothing
                case.headers.pop(name, None)
        if "On-Behalf-Of" in case.headers and not _is_wrong_at(case, ParameterLocation.HEADER):
            case.headers["On-Behalf-Of"] = self._world.ids["ada"]
        if not _is_wrong_at(case, ParameterLocation.QUERY):
            case.query.pop("cursor", None)  # only the server can write one


def _about(case: Case[Any]) -> set[str | None]:
    """Return the names of the parameters that a case is there for."""
    if case.meta is None:
        return set()
    data = case.meta.phase.data
    return {data.parameter, *(mutation.parameter for mutation in data.mutations)}


def _is_wrong_at(case: Case[Any], place: ParameterLocation) -> bool:
    return case.meta is not None and case.meta.is_negative_at(place)


def _is_mended(case: Case[Any]) -> bool:
    """Whether what is wrong with a case may be right by the time it is read: whatever a text is to be, it is a text
    when it is sent; space around a name is cut off; and the cursor, which may be all that was wrong, is never sent.
    """
    is_text = case.media_type in _TEXTS and _is_wrong_at(case, ParameterLocation.BODY)
    return is_text or _has_space_around(case.body) or "cursor" in _about(case)


def _has_space_around(value: object) -> bool:
    if isinstance(value, str):
        return value != value.strip()
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_space_around, inside))


def _contradicts(case: Case[Any], answer: Response) -> str:
    """Say in which way what the description allows was refused as if it did not. It can't say that a name is more than
    space.
    """
    if answer.status_code != 422 or case.meta is None or case.meta.generation.mode is GenerationMode.NEGATIVE:
        return ""
    if _has_space_around(case.body):
        return ""
    faults = [fault for fault in answer.json()["errors"] if fault["code"] in _OF_SCHEMAS]
    return f"refuses what is allowed: {faults}" if faults else ""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """By default an admin asks; with --soak, which takes many minutes of the processor for each, everybody does."""
    if "who" in metafunc.fixturenames:
        metafunc.parametrize("who", WHO if metafunc.config.getoption("--soak") else WHO[:1])


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_operation_answers_as_described_whoever_asks(world: World, who: str, group: int, soak: bool) -> None:
    strength = USUAL if not soak else OF_AN_ADMIN if who == "admin" else OF_OTHERS
    shown = "Bearer es_live_nobody" if who == "nobody" else world.keys[who].headers["Authorization"]

    with closing(Fuzz(world, shown, strength)) as fuzz:
        fuzz.some(group)

    assert fuzz.wrong == {}
    assert max(fuzz.asked) < 500
    assert fuzz.asked.total() >= strength.least / GROUPS
