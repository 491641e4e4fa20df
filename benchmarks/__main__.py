"""Run one benchmark by name: `python -m benchmarks NAME [options]`."""

import argparse

from benchmarks import (
    booking,
    busy,
    demo,
    edges,
    feeds,
    floor,
    imports,
    jobs,
    joinable,
    lists,
    matching,
    pages,
    plan,
    slots,
)
from benchmarks.figures import show

BENCHMARKS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        demo,
        imports,
        lists,
        booking,
        slots,
        joinable,
        feeds,
        busy,
        matching,
        plan,
        jobs,
        edges,
        pages,
        floor,
    )
}


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="Ours, the peer or raw limit, and the ratio.")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        about = (module.__doc__ or "").partition("\n")[0]
        options = names.add_parser(name, help=about, description=module.__doc__)
        options.add_argument("--json", action="store_true", help="one JSON object in place of the table")
        module.add_options(options)
    chosen = parser.parse_args()
    show(chosen.name, BENCHMARKS[chosen.name].run(chosen), as_json=chosen.json)


if __name__ == "__main__":  # children are spawned and import this file again
    main()
