"""`./dev`, tried in a small checkout of its own; whoever runs these has made a whole .venv already."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
A_TOOL = '#!/bin/sh\necho "earshot in $PWD:" "$@"\n'

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for uv and earshot are shell scripts")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout on a path with a space, with a uv beside it that makes a .venv at once and notes each time it does."""
    root = tmp_path / "a checkout"
    root.mkdir()
    for name in ("dev", "dev.py", "pyproject.toml", "uv.lock", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    executable(
        tmp_path / "tools" / "uv",
        f"""#!/bin/sh
        case $1 in
            export) exec cat requirements.txt ;;
            lock) exit 0 ;;
        esac
        echo made >> "{tmp_path}/made"
        sleep 0.2
        mkdir -p .venv/bin
        ln -sf "{os.path.realpath(sys.executable)}" .venv/bin/python
        printf '%s' '{A_TOOL}' > .venv/bin/earshot
        chmod +x .venv/bin/earshot
        """,
    )
    return root


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def dev(checkout: Path, *words: str, at: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ./dev of the checkout with the stand-in uv first on PATH, standing in `at`."""
    variables = {**os.environ, "PATH": f"{checkout.parent / 'tools'}:{os.environ['PATH']}", **environment}
    variables.pop("PYTHON", None)
    command = [str(checkout / "dev"), *words]
    return subprocess.run(command, cwd=at or checkout, env=variables, capture_output=True, text=True, check=False)


def times_made(checkout: Path) -> int:
    made = checkout.parent / "made"
    return len(made.read_text().splitlines()) if made.exists() else 0


def test_an_old_python_is_named_as_the_reason(checkout: Path, tmp_path: Path) -> None:
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        executable(tmp_path / "old" / name, "#!/bin/sh\nexit 1\n")
    executable(tmp_path / "old" / "dirname", f'#!/bin/sh\nexec {shutil.which("dirname")} "$@"\n')

    done = dev(checkout, "demo", PATH=str(tmp_path / "old"))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_help_needs_no_set_up(checkout: Path, arguments: list[str]) -> None:
    done = dev(checkout, *arguments)

    assert done.returncode == 0
    assert "usage: ./dev COMMAND" in done.stdout
    assert times_made(checkout) == 0


def test_a_checkout_that_cannot_be_written_to_is_one_sentence(checkout: Path) -> None:
    (checkout / ".venv.lock").mkdir()

    done = dev(checkout, "demo")

    assert done.returncode == 1
    assert "cannot set up" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_word_it_does_not_know_goes_to_the_product_from_where_the_user_stands(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()

    done = dev(checkout, "import", "people", "my people.csv", "--dir", "data", at=elsewhere)

    assert done.returncode == 0
    assert done.stdout == f"earshot in {elsewhere}: import people my people.csv --dir data\n"


def test_the_second_run_sets_nothing_up_and_says_nothing(checkout: Path) -> None:
    first = dev(checkout, "doctor")
    second = dev(checkout, "doctor")

    assert times_made(checkout) == 1
    assert "setting up" in first.stderr
    assert second.stderr == ""


def test_two_first_runs_at_once_set_up_once(checkout: Path) -> None:
    codes: list[int] = []
    runs = [threading.Thread(target=lambda: codes.append(dev(checkout, "doctor").returncode)) for _ in range(3)]

    for each in runs:
        each.start()
    for each in runs:
        each.join()

    assert codes == [0, 0, 0]
    assert times_made(checkout) == 1


def test_a_half_made_environment_is_made_anew(checkout: Path) -> None:
    dev(checkout, "doctor")
    (checkout / ".venv" / "dev-stamp").unlink()
    (checkout / ".venv" / "half").touch()

    done = dev(checkout, "doctor")

    assert done.returncode == 0
    assert times_made(checkout) == 2
    assert not (checkout / ".venv" / "half").exists()


def test_a_changed_lock_updates_the_environment_in_place(checkout: Path) -> None:
    dev(checkout, "doctor")
    (checkout / ".venv" / "kept").touch()
    with (checkout / "uv.lock").open("a") as lock:
        lock.write("# changed\n")

    done = dev(checkout, "doctor")

    assert done.returncode == 0
    assert times_made(checkout) == 2
    assert (checkout / ".venv" / "kept").exists()


def test_a_moved_checkout_gets_a_new_environment(checkout: Path) -> None:
    dev(checkout, "doctor")
    (checkout / ".venv" / "old").touch()
    moved = checkout.rename(checkout.parent / "moved")

    done = dev(moved, "doctor")

    assert done.returncode == 0
    assert not (moved / ".venv" / "old").exists()


def test_a_requirement_that_left_the_lock_is_drift(checkout: Path) -> None:
    dev(checkout, "doctor")
    executable(checkout.parent / "tools" / "uv", "#!/bin/sh\necho only-this==1\n")

    done = dev(checkout, "check")

    assert done.returncode == 1
    assert "requirements.txt differs from uv.lock; run: uv export" in done.stdout


def test_checks_run_to_the_end_and_fail_together(checkout: Path) -> None:
    dev(checkout, "doctor")
    migrations = checkout / "app" / "migrations.py"
    migrations.parent.mkdir()
    migrations.write_text("def newest() -> str: return '0001'")
    for name in ("ruff", "mypy"):
        executable(checkout / ".venv" / "bin" / name, "#!/bin/sh\nexit 0\n")
    executable(checkout / ".venv" / "bin" / "lint-imports", "#!/bin/sh\nexit 1\n")

    done = dev(checkout, "check")

    assert done.returncode == 1
    assert done.stdout.count("── ") == 7
    assert done.stdout.splitlines()[-1] == "failed: imports"
