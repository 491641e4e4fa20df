"""The rules of the house that the import contract can't say, read from the source."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

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


@cache
def lines_of(module: Path) -> list[str]:
    return module.read_text().splitlines()


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), str(module))


def calls_of(module: Path) -> Iterator[str]:
    """Every call in a module as it is written: `datetime.now`, `db.commit`."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(found: Mapping[str, Collection[object]]) -> dict[str, Collection[object]]:
    return {name: offences for name, offences in found.items() if offences}


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


def test_a_module_says_in_one_line_what_it_owns() -> None:
    said = {name_of(module): ast.get_docstring(tree_of(module)) or "" for module in MODULES}

    assert [name for name, words in said.items() if not words or words[0].islower()] == []


def test_a_module_is_short_enough_to_be_read() -> None:
    assert [name_of(module) for module in MODULES if len(lines_of(module)) > 500] == []


def test_a_module_speaks_the_words_of_the_field() -> None:
    found = {}
    for module in MODULES:
        text = "\n".join(lines_of(module))
        # ATTENDEE is the word of RFC 5545: in app/ical, and where somebody hands it people.
        allowed = {"attendee"} if "ical" in module.parts or "from app.ical" in text else set()
        found[name_of(module)] = {word.lower() for word in NEVER_SAID.findall(text)} - allowed

    assert offenders(found) == {}


def test_only_the_clock_reads_the_wall_clock() -> None:
    reads = re.compile(r"(datetime|date)\.(now|utcnow|today)|time\.(time|time_ns|localtime|gmtime|ctime)")
    found = {name_of(module): [call for call in calls_of(module) if reads.fullmatch(call)] for module in MODULES}

    assert found.pop("app/clock.py")
    assert offenders(found) == {}


def test_only_the_database_module_commits() -> None:
    commits = (".commit", ".begin_twophase")
    found = {name_of(module): [call for call in calls_of(module) if call.endswith(commits)] for module in MODULES}

    assert found.pop("app/db.py")
    assert offenders(found) == {}


def test_only_heavy_solvers_are_imported_late_and_say_why() -> None:
    found: dict[str, list[str]] = {}
    for module in MODULES:
        late = {
            inner
            for outer in ast.walk(tree_of(module))
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(outer)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        }
        for node in late:
            line = lines_of(module)[node.lineno - 1]
            target = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            if not target.startswith(HEAVY) or not re.search(r"#.*[a-z]+ [a-z]+ [a-z]+", line):
                found.setdefault(name_of(module), []).append(f"line {node.lineno}: {line}")

    assert found == {}


def test_an_operation_leaves_a_job_and_never_talks_to_the_outside() -> None:
    outside = ("app.adapters", "app.jobs")
    found = {
        name_of(module): [name for name in imports_of(module) if name.startswith(outside)]
        for module in MODULES
        if module.is_relative_to(APP / "operations")
    }

    assert found
    assert offenders(found) == {}


def test_requests_to_the_outside_go_through_the_wall() -> None:
    found = {
        name_of(module): [name for name in imports_of(module) if HTTP_CLIENTS.fullmatch(name)] for module in MODULES
    }

    assert all(found.pop(sender) for sender in SENDERS)
    assert offenders(found) == {}


def test_nothing_is_kept_in_a_module_between_requests() -> None:
    found = {
        name_of(module): [node.lineno for node in ast.walk(tree_of(module)) if isinstance(node, ast.Global)]
        for module in MODULES
    }

    assert offenders(found) == {}


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
