"""The rules of the house that the import contract can't say, read from the source."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from app.errors import Problem

APP = Path(app.__file__).parent
MODULES = sorted(APP.rglob("*.py"))
HEAVY = ("app.rules.matching", "app.rules.planning", "numpy", "scipy", "highspy")
SENDERS = {"app/adapters/http.py", "app/adapters/earshot_api.py"}  # the latter calls ourselves only
HTTP_CLIENTS = re.compile(
    r"(httpx|httpx2|httpcore|h11|h2|urllib3|requests|aiohttp|websockets|http\.client|urllib\.request|xmlrpc|ftplib)(\..*)?"
)
FOLDERS_NOBODY_FINDS_ANYTHING_IN = {"utils", "helpers", "common", "core", "services", "managers", "lib", "misc"}
NEVER_SAID = re.compile(
    r"prot[eé]g[eé]|coach|buddy|buddies|pairing|presenter|attendee|curriculum|journey|barge|survey"
    r"|mentorship_pair|shadower",
    re.IGNORECASE,
)


def name_of(module: Path) -> str:
    return str(module.relative_to(APP.parent))


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), str(module))


def calls_of(module: Path) -> Iterator[str]:
    """Every call in a module as it is written: `datetime.now`, `db.commit`."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imports_of(module: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


ANSWERED_ALIKE = {"KeyMadeUp", "KeyOver"}
"""Refusals that only the audit tells apart: whoever guesses keys must not hear which one was right once."""


def every_problem() -> list[type[Problem]]:
    for module in pkgutil.walk_packages([str(APP)], "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, more = [Problem], [Problem]
    while more:
        more = [kind for parent in more for kind in parent.__subclasses__() if kind.__module__.startswith("app.")]
        found += more
    return found


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_says_in_one_line_what_it_owns(module: Path) -> None:
    said = ast.get_docstring(tree_of(module))

    assert said
    assert said[0].isupper() or not said[0].isalpha()


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_short_enough_to_be_read(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 500


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_speaks_the_words_of_the_field(module: Path) -> None:
    text = module.read_text()
    # ATTENDEE is the word of RFC 5545: in app/ical, and where somebody hands it people.
    said = {word.lower() for word in NEVER_SAID.findall(text)}
    allowed = {"attendee"} if "ical" in module.parts or "from app.ical" in text else set()

    assert said <= allowed


@pytest.mark.parametrize("module", [m for m in MODULES if m != APP / "clock.py"], ids=name_of)
def test_only_the_clock_reads_the_wall_clock(module: Path) -> None:
    reads = re.compile(r"(datetime|date)\.(now|utcnow|today)|time\.(time|time_ns|localtime|gmtime|ctime)")

    assert [call for call in calls_of(module) if reads.fullmatch(call)] == []


@pytest.mark.parametrize("module", [m for m in MODULES if m != APP / "db.py"], ids=name_of)
def test_only_the_database_module_commits(module: Path) -> None:
    assert [call for call in calls_of(module) if call.endswith((".commit", ".begin_twophase"))] == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_heavy_solvers_are_imported_late_and_say_why(module: Path) -> None:
    lines = module.read_text().splitlines()
    late = [
        inner
        for outer in ast.walk(tree_of(module))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    for node in late:
        line = lines[node.lineno - 1]
        target = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
        assert target.startswith(HEAVY), f"line {node.lineno}: {line}"
        assert re.search(r"#.*[a-z]+ [a-z]+ [a-z]+", line), f"line {node.lineno} gives no reason"


@pytest.mark.parametrize("module", sorted((APP / "operations").rglob("*.py")), ids=name_of)
def test_an_operation_leaves_a_job_and_never_talks_to_the_outside(module: Path) -> None:
    assert [name for name, _ in imports_of(module) if name.startswith(("app.adapters", "app.jobs"))] == []


@pytest.mark.parametrize("module", [m for m in MODULES if name_of(m) not in SENDERS], ids=name_of)
def test_requests_to_the_outside_go_through_the_wall(module: Path) -> None:
    assert [name for name, _ in imports_of(module) if HTTP_CLIENTS.fullmatch(name)] == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_nothing_is_kept_in_a_module_between_requests(module: Path) -> None:
    assert [node.lineno for node in ast.walk(tree_of(module)) if isinstance(node, ast.Global)] == []


def test_no_folder_is_a_drawer_for_everything() -> None:
    folders = {path.name for path in APP.rglob("*") if path.is_dir()}
    files = {path.stem for path in MODULES}

    assert not FOLDERS_NOBODY_FINDS_ANYTHING_IN & (folders | files)


def test_every_refusal_has_a_code_of_its_own_that_is_a_stable_slug() -> None:
    kinds = [kind for kind in every_problem() if kind.__name__ not in ANSWERED_ALIKE]

    assert [kind.__name__ for kind in kinds if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", kind.code)] == []
    assert [kind.__name__ for kind in kinds if "code" not in vars(kind) or "title" not in vars(kind)] == []
    assert [code for code, times in Counter(kind.code for kind in kinds).items() if times > 1] == []


def test_a_code_given_in_passing_is_a_slug_too() -> None:
    codes = {
        keyword.value.value
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }

    assert codes
    assert [code for code in codes if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)] == []


def test_a_refusal_is_a_sentence_for_people() -> None:
    for kind in every_problem():
        assert kind.title[0].isupper(), kind
        assert not kind.title.endswith("."), kind
        assert 400 <= kind.status <= 503, kind
