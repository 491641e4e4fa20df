"""`./dev pictures [FOLDER]`: every page as a picture: light, dark and on a phone; or the few that the README shows."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from app import migrations
from app.db import make_engine, transaction
from app.operations.installation import first_start
from tests.browser.chromium import DESK, PATH, PHONE, Walk, chromium, sized
from tests.harness import NOW
from tests.web.houses import Houses, State
from tests.web.pages_of_the_house import PAGES, furniture, pages_in

_USUAL, _OF_THE_README = Path("build/pictures"), Path("docs/pictures")


def main(words: Sequence[str] | None = None) -> int:
    """Take them, and say where they are."""
    asked = _options(words)
    if PATH is None:
        print("There is no chromium: apt-get install chromium", file=sys.stderr)
        return 1
    folder = _OF_THE_README if asked.readme else asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="earshot-pictures-")))
        houses = Houses(empty_database(scratch), scratch / "houses", furniture())
        walk = Walk(houses, stack.enter_context(chromium()), scratch, stack)
        taken = sum(_take(walk, state, folder, asked) for state in asked.states)
    print(f"{taken} pictures in {folder}")
    return 0


def empty_database(folder: Path) -> Path:
    """Make a migrated database with nobody in it."""
    path = folder / "template.db"
    engine = make_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    with transaction(engine, writes=True) as db:
        first_start(db, now=NOW)
    engine.dispose()
    return path


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=_USUAL, help=f"where to; {_USUAL} when left out")
    parser.add_argument("--readme", action="store_true", help=f"those of the README, into {_OF_THE_README}")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=[one.name for one in PAGES])
    parser.add_argument(
        "--states", nargs="+", type=State, choices=list(State), default=[State.TYPICAL], help="of which houses"
    )
    return parser.parse_args(words)


def _take(walk: Walk, state: State, folder: Path, asked: argparse.Namespace) -> int:
    """Take the pictures of one house; return how many."""
    wanted = [one for one in pages_in(state) if one.name in asked.only or not asked.only]
    wanted = [one for one in wanted if one.in_readme or not asked.readme]
    for one in wanted:
        name = "-".join([*one.name.split(), *([] if state is State.TYPICAL else [state])])
        page = walk.to(one, state)
        page.screenshot(path=folder / f"{name}-light.png")
        if asked.readme:
            continue
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / f"{name}-dark.png")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(sized(PHONE))
        page.screenshot(path=folder / f"{name}-phone.png", full_page=True)
        page.set_viewport_size(sized(DESK))
    return (1 if asked.readme else 3) * len(wanted)


if __name__ == "__main__":
    sys.exit(main())
