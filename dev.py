"""Set up and run Earshot from a checkout, needing only the standard library: `./dev`, or `python dev.py` on Windows."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HELP = """\
usage: ./dev COMMAND …        (on Windows: python dev.py COMMAND …)

  demo      run the whole loop on made-up people and calls, then stay up to look around
  serve     serve the installation in --dir
  test      run the tests; what follows goes to pytest (--soak: at full strength)
  check     lint, format, types, imports and drift: all that the tests do not see
  bench     run a benchmark by name: ours, the peer or raw limit, and the ratio
  pictures  take a picture of every page, light, dark and on a phone (needs chromium)

Every other word is a command of the product itself, as are demo and serve: ./dev import … = .venv/bin/earshot import …
The first run makes .venv (with uv when it is there, else with pip); later runs find it ready.
"""

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
EXE = ".exe" if sys.platform == "win32" else ""
PYTHON = BIN / f"python{EXE}"
STAMP = VENV / "dev-stamp"
ONE_HEAD = "from app.migrations import newest; newest() or exit('no migration')"  # newest() refuses two


class SetupError(Exception):
    """The virtual environment could not be made; the message says in one sentence what to do."""


def main(arguments: list[str]) -> int:
    """Run one command. Returns its exit code, unless the command takes over this process."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if command in ("help", "-h", "--help"):
        print(HELP, end="")
        return 0
    try:
        set_up()
    except SetupError as failed:
        print(f"dev: {failed}", file=sys.stderr)
        return 1
    if command in ("test", "check", "bench", "pictures"):
        os.chdir(ROOT)  # not for the product's commands: a relative --dir starts where the user stands
    if command == "check":
        return check()
    if command == "test":
        # Two workers a core, for half of the time they wait for sockets, processes and disks; a module at a time, for
        # modules share what is dear to build; in their order, for those of few tests, which come last else, take long.
        workers = str(2 * (os.cpu_count() or 1))
        by_module = ["-n", workers, "--dist", "loadscope", "--no-loadscope-reorder"]
        spread = [] if any(word.startswith("-n") for word in rest) else by_module
        become([str(PYTHON), "-m", "pytest", *spread, *rest])
    if command == "bench":
        become([str(PYTHON), "-m", "benchmarks", *rest])
    if command == "pictures":
        become([str(PYTHON), "-m", "tests.browser.pictures", *rest])
    return become([script("earshot"), *arguments])


def script(name: str) -> str:
    """Path of a console script in the virtual environment."""
    return str(BIN / f"{name}{EXE}")


def become(command: list[str]) -> NoReturn:
    """End as this command: signals reach it directly and its exit code is ours."""
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606  no shell is meant
    # exec on Windows gives the prompt back at once, so stay; Ctrl-C reaches the child by itself.
    child = subprocess.Popen(command)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue


# --- checks ----------------------------------------------------------------------------------------------------------


def check() -> int:
    """Run every check, also after one has failed; 1 when any did."""
    steps: dict[str, Callable[[], bool | None]] = {
        "lint": partial(succeeds, script("ruff"), "check"),
        "format": partial(succeeds, script("ruff"), "format", "--check"),
        "types": partial(succeeds, script("mypy")),
        "imports": partial(succeeds, script("lint-imports")),
        "openapi.json": partial(succeeds, script("earshot"), "openapi", "--check"),
        "one migration head": partial(succeeds, str(PYTHON), "-c", ONE_HEAD),
        "lock": lock_is_current,
    }
    failed, skipped = [], []
    for name, step in steps.items():
        print(f"── {name}", flush=True)
        started = time.monotonic()
        good = step()
        said = "SKIPPED" if good is None else "ok" if good else "FAILED"
        print(f"   {said}, {time.monotonic() - started:.1f} s", flush=True)
        if good is None:
            skipped.append(name)
        elif not good:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", end="")
    print(f"; skipped: {', '.join(skipped)}" if skipped else "")
    return 1 if failed else 0


def succeeds(*command: str) -> bool:
    """Whether the command can be run and ends with exit code 0."""
    try:
        return subprocess.run(command, check=False).returncode == 0
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}")
        return False


def lock_is_current() -> bool | None:
    """Whether uv.lock fits pyproject.toml and requirements.txt fits uv.lock; only uv can tell, None without it."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if not uv:
        print("uv is not here")
        return None
    if not succeeds(uv, "lock", "--check"):
        return False
    export = ["export", "--frozen", "--quiet", "--format", "requirements-txt", "--no-emit-project", "--no-annotate"]
    exported = subprocess.run([uv, *export], check=True, capture_output=True, text=True, encoding="utf-8").stdout
    if without_comments(exported) == without_comments((ROOT / "requirements.txt").read_text(encoding="utf-8")):
        return True
    print(f"requirements.txt differs from uv.lock; run: uv {' '.join(export)} -o requirements.txt")
    return False


def without_comments(requirements: str) -> list[str]:
    """Lines of a requirements file that pip acts on; the comments name the command that wrote it."""
    return [line for line in requirements.splitlines() if not line.lstrip().startswith("#")]


# --- the virtual environment -----------------------------------------------------------------------------------------


def set_up() -> None:
    """Make or update .venv unless it fits already. Of several at once, one works and the others wait for it."""
    if is_ready():
        return
    tell("setting up .venv (a minute or so, once) …")
    started = time.monotonic()
    try:
        with alone():
            if not is_ready():
                install()
    except OSError as error:
        raise SetupError(f"cannot set up {VENV}: {error}") from error
    tell(f".venv is ready, {time.monotonic() - started:.1f} s")


def is_ready() -> bool:
    """Whether .venv was finished, here, for this Python and from these locked versions."""
    return PYTHON.exists() and stamp() == [place(), contents()]


def stamp() -> list[str]:
    """Place and contents of the finished .venv; empty when there is none."""
    return STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []


def place() -> str:
    """What a virtual environment cannot outlive: its path, which its scripts repeat, and its Python."""
    return digest(str(ROOT), str(os.path.realpath(PYTHON)), f"{sys.version_info.major}.{sys.version_info.minor}")


def contents() -> str:
    """What is installed: the locked versions, and the project's own scripts and build."""
    files = ("pyproject.toml", "uv.lock", "requirements.txt")
    return digest(*((ROOT / name).read_text(encoding="utf-8") for name in files))


def digest(*parts: str) -> str:
    """One short line for all parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def install() -> None:
    """Bring .venv to the locked versions: in place when only they changed, from nothing otherwise."""
    # The real path, taken while it exists: we may run on the Python of the .venv that is removed below.
    python = os.path.realpath(sys.executable)
    finished_here = stamp()[:1] == [place()]
    STAMP.unlink(missing_ok=True)  # and back only at the end: what is half-made has no stamp and is made anew
    if not finished_here and VENV.exists():
        shutil.rmtree(VENV)
    uv = shutil.which("uv")
    if not (uv and install_with_uv(uv, python)):
        install_with_pip(python)
    STAMP.write_text(f"{place()}\n{contents()}\n", encoding="utf-8")


def install_with_uv(uv: str, python: str) -> bool:
    """Let uv do it. False when it cannot, as when its cache is not writable or it is too old for the lock."""
    if run([uv, "sync", "--frozen", "--quiet", "--python", python]):
        return True
    tell("uv could not do it; trying pip …")
    return False


def install_with_pip(python: str) -> None:
    """Install from requirements.txt, which holds the locked versions with their hashes."""
    brings_pip = importlib.util.find_spec("ensurepip") is not None  # Debian and Ubuntu ship it apart, in python3-venv
    if not run([python, "-m", "venv", *([] if brings_pip else ["--without-pip"]), str(VENV)]):
        raise SetupError(f"{python} could not make {VENV}; its reason stands above.")
    if not brings_pip:
        wheel = fetch_pip()
        if not run([str(PYTHON), str(wheel / "pip"), "--quiet", "install", "--no-index", str(wheel)]):
            raise SetupError("pip could not install itself; its reason stands above.")
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install"]
    if not run([*pip, "--require-hashes", "--requirement", "requirements.txt"]):
        raise SetupError("pip could not install requirements.txt; its reason stands above.")
    # The build backend is among the requirements, so nothing unpinned is fetched to install ourselves.
    if not run([*pip, "--no-deps", "--no-build-isolation", "--editable", "."]):
        raise SetupError("pip could not install Earshot itself; its reason stands above.")


def fetch_pip() -> Path:
    """Fetch the locked pip itself, which is a wheel that also runs as it is."""
    import urllib.request  # noqa: PLC0415  takes longer than all else here, and few need it

    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    wheel = next(package for package in lock["package"] if package["name"] == "pip")["wheels"][0]
    with urllib.request.urlopen(wheel["url"], timeout=60) as response:  # noqa: S310  the lock's own address
        content = response.read()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != wheel["hash"]:
        raise SetupError("what came as pip is not the locked pip; install python3-venv or uv and run again.")
    path = VENV / str(wheel["url"]).rpartition("/")[2]
    path.write_bytes(content)
    return path


def run(command: Sequence[str]) -> bool:
    """Run a step of the set-up at the root, its words on stderr: stdout belongs to the command that follows."""
    own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    own["UV_PROJECT_ENVIRONMENT"] = str(VENV)
    # close_fds=False: the child shares the lock, so it holds even when we are killed and the child lives on.
    done = subprocess.run(command, check=False, cwd=ROOT, env=own, stdout=sys.stderr, close_fds=False)
    return done.returncode == 0


@contextmanager
def alone() -> Iterator[None]:
    """Hold the set-up lock. The system frees it when its holders end, however they end."""
    with (ROOT / ".venv.lock").open("w") as file:
        if sys.platform == "win32":
            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:  # it gives up after ten seconds
                    continue
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.set_inheritable(file.fileno(), True)
        yield


def tell(text: str) -> None:
    """Say what the set-up does, on stderr."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
