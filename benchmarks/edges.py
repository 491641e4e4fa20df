"""What the edges of the server cost: p95 of a client beside 1,000 half-open connections."""

import argparse
import http.client
import shutil
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from app import migrations
from app.db import make_engine, transaction
from app.operations.installation import first_start
from benchmarks.figures import Figure
from tests.faults.commands import earshot_serve
from tests.faults.slow_clients import half_open, p95_of_each
from tests.harness import NOW


def add_options(options: argparse.ArgumentParser) -> None:
    """Say how many."""
    options.add_argument("--lines", type=int, default=1_000, help="half-open connections")
    options.add_argument("--requests", type=int, default=300)


def run(chosen: argparse.Namespace) -> list[Figure]:
    """Measure a service under attack beside another one that is not, in turns."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        template = _template(folder)
        port, _, key = stack.enter_context(earshot_serve(template, folder / "attacked"))
        quiet_port, _, quiet_key = stack.enter_context(earshot_serve(template, folder / "quiet"))
        asks = [_Ask(stack, port, key), _Ask(stack, quiet_port, quiet_key)]
        p95_of_each(asks, times=50, meanwhile=lambda: None)  # warm
        with half_open(("127.0.0.1", port), chosen.lines) as crowd:
            attacked, quiet = p95_of_each(asks, times=chosen.requests, meanwhile=crowd.breathe)
            crowd.all_out(within=20)
        last = max(crowd.seconds)
    return [
        Figure("p95 beside half-open lines", 1000 * attacked, "ms", 1000 * quiet, "without them", at_most=2),
        Figure("the last of them closed after", last, "s", at_most=10),
    ]


class _Ask:
    def __init__(self, stack: ExitStack, port: int, key: str) -> None:
        self._line = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
        self._headers = {"Authorization": f"Bearer {key}"}

    def __call__(self) -> None:
        self._line.request("GET", "/v1/people?limit=1", headers=self._headers)
        answer = self._line.getresponse()
        answer.read()
        assert answer.status == 200


def _template(folder: Path) -> Path:
    path = folder / "template.db"
    engine = make_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    with transaction(engine, writes=True) as db:
        first_start(db, now=NOW)
    engine.dispose()
    return path
