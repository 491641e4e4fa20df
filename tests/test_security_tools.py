"""What the tools and the set-up promise of security (S18): lint that looks for it, what is installed is what was locked
by its digest, and nothing is served that helps with debugging.
"""

import re
import tomllib
from pathlib import Path

from pydantic import SecretStr

from app.config import Settings
from app.main import create_app

ROOT = Path(__file__).parents[1]
LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
_DEBUGS = re.compile(r"\b(breakpoint|set_trace)\(|debug=True")


def test_the_rules_about_security_hold_for_all_of_the_product() -> None:
    others = {paths: rules for paths, rules in LINT["per-file-ignores"].items() if paths.startswith(("app", "alembic"))}
    left_out = [rule for rules in (LINT["ignore"], *others.values()) for rule in rules if re.fullmatch(r"S\d*", rule)]

    assert "S" in LINT["select"], "./dev check runs them"
    assert left_out == []
    for module in (ROOT / "app").rglob("*.py"):
        assert not re.search(r"# noqa(?!: [A-Z]+\d)", module.read_text()), f"{module} leaves out every rule of a line"


def test_whatever_is_installed_is_what_was_locked_by_its_digest() -> None:
    requirements = (ROOT / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in requirements.splitlines() if line.strip() and not line.startswith("#")]
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]

    assert len(lines) > 50
    assert [line for line in lines if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []
    assert '"--require-hashes"' in (ROOT / "dev.py").read_text()
    wheels = [wheel for package in locked for wheel in package.get("wheels", ())]
    assert [wheel["url"] for wheel in wheels if not wheel["hash"].startswith("sha256:")] == []


def test_nothing_is_served_that_helps_with_debugging() -> None:
    app = create_app(Settings(secret_key=SecretStr("x"), database_url="sqlite:///unused.db", _env_file=None))

    assert app.debug is False
    assert (app.docs_url, app.redoc_url) == (None, None)
    assert [module for module in (ROOT / "app").rglob("*.py") if _DEBUGS.search(module.read_text())] == []
