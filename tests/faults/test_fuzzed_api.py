"""Whatever the description of the API allows, and what it does not, is answered as it says (D14): cases that
schemathesis makes of it, against the service on a real socket.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from requests import Session
from schemathesis import Case
from schemathesis.checks import negative_data_rejection
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation

from app.vocabulary import Role
from tests.access_world import World, a_world
from tests.described import document

GROUPS = 12
"""Operations are dealt out to so many tests, for several workers."""
CASES = 28
"""Of each operation, which makes 5,000; --soak makes ten times as many, and as many for everybody else."""
OTHERS: Mapping[str, tuple[Role, str | None]] = {
    "program manager": (Role.PROGRAM_MANAGER, "ben"),
    "manager": (Role.MANAGER, "ben"),
    "rep": (Role.REP, "ana"),
    "auditor": (Role.AUDITOR, None),
    "integration": (Role.INTEGRATION, None),
}
"""Role and person."""
_REFUSED = [401, 403, 404, 409, 410, 412, 422]
_CHECKS = {
    # What a schema allows may be against a rule that none can say, such as that what ends has begun, or of another
    # version than the one that is there.
    "positive_data_acceptance": {"expected-statuses": ["2xx", *_REFUSED]},
    # Of many at once each has an answer of its own (207).
    "negative_data_rejection": {"expected-statuses": [207, 400, 405, 406, 413, 415, *_REFUSED]},
}
Described = APIOperation[Any, Any, Any, Any]


_TEXTS = ("message/rfc822", "text/calendar", "text/csv")


@schemathesis.serializer(*_TEXTS)
def _as_it_is(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@cache
def operations(mode: GenerationMode) -> list[Described]:
    """Return what is described. No text that is allowed holds NUL, which is malformed wherever it stands."""
    described = deepcopy(document())
    for item in described["paths"].values():
        for method, one in item.items():
            if mode is GenerationMode.POSITIVE or method != "get":
                _leave_out(one, "On-Behalf-Of")  # of somebody unknown: refused before anything else is looked at
    generation = {"allow-x00": mode is GenerationMode.NEGATIVE, "with-security-parameters": False}
    config = SchemathesisConfig.from_dict({"checks": _CHECKS, "generation": generation})
    every = schemathesis.openapi.from_dict(described, config=config).get_all_operations()
    return [found.ok() for found in every if isinstance(found, Ok)]


def _leave_out(one: Any, header: str) -> None:
    one["parameters"] = [parameter for parameter in one.get("parameters", ()) if parameter.get("name") != header]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copy(sqlite_template, folder / "earshot.db")
    with a_world(f"sqlite:///{folder / 'earshot.db'}", folder) as made:
        yield made


class Fuzz:
    """Asks with one key; remembers how often, and what was answered otherwise than described."""

    def __init__(self, world: World, key: str, *, cases: int) -> None:
        self.wrong: dict[str, str] = {}
        self.asked: Counter[int] = Counter()
        self._world = world
        self._cases = cases
        self._session = Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"

    def some(self, first: int, step: int) -> None:
        """Ask every so many-th operation, half of the cases as described and half otherwise."""
        for mode in GenerationMode:
            for described in operations(mode)[first::step]:
                with suppress(Unsatisfiable):  # nothing about it could be wrong
                    self._operation(described, mode)

    def _operation(self, described: Described, mode: GenerationMode) -> None:
        @seed(7)
        @settings(
            max_examples=self._cases // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=described.as_strategy(generation_mode=mode), known=st.booleans())
        def ask(case: Case[Any], known: bool) -> None:
            if mode is GenerationMode.POSITIVE:
                self._mend(case)
                if known:
                    self._put_what_is_there(case)
            self._ask(case)

        ask()

    def _mend(self, case: Case[Any]) -> None:
        """Keep to what no schema says: only the server can write a cursor, and no address holds a line break."""
        case.query.pop("cursor", None)
        for name, value in case.path_parameters.items():
            if isinstance(value, str) and "\n" in value:
                case.path_parameters[name] = value.replace("\n", " ")

    def _put_what_is_there(self, case: Case[Any]) -> None:
        """Ask about something that exists, whatever its version."""
        for name in case.path_parameters.keys() & self._world.ids.keys():
            case.path_parameters[name] = self._world.ids[name]
        case.headers.pop("If-Match", None)

    def _ask(self, case: Case[Any]) -> None:
        answer = case.call(base_url=self._world.api.url, session=self._session)
        self.asked[answer.status_code] += 1
        any_text = case.media_type in _TEXTS  # whatever it is, it is a text when it is sent
        try:
            case.validate_response(answer, excluded_checks=[negative_data_rejection] if any_text else [])
        except FailureGroup as failures:
            for failure in failures.exceptions:
                self.wrong.setdefault(f"{case.operation.label}: {failure}", str(failures)[-1500:])


def test_there_are_five_thousand_cases() -> None:
    assert CASES * len(operations(GenerationMode.POSITIVE)) >= 5_000


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_operation_answers_as_described_whatever_an_admin_asks(world: World, group: int, soak: bool) -> None:
    fuzz = Fuzz(world, world.api.key(Role.ADMIN), cases=CASES * 10 if soak else CASES)

    fuzz.some(group, GROUPS)

    assert fuzz.wrong == {}
    assert max(fuzz.asked) < 500


@pytest.mark.parametrize("who", [*OTHERS, "nobody"])
def test_every_operation_answers_as_described_whoever_asks(world: World, who: str, soak: bool) -> None:
    if not soak:
        pytest.skip("takes a minute of the processor for each: --soak")
    role, person = OTHERS.get(who, (None, None))
    key = world.api.key(role, person and world.ids[person]) if role else "es_live_nobody"
    fuzz = Fuzz(world, key, cases=CASES)

    fuzz.some(0, 1)

    assert fuzz.wrong == {}
    assert max(fuzz.asked) < 500
