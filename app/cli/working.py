"""`earshot worker`."""

import signal
import threading
from typing import Annotated

import typer

from app import clock
from app.cli.installation import Dir, load, opened
from app.cli.logs import log
from app.cli.saying import say
from app.worker import WORKER_THREADS, Worker

commands = typer.Typer(rich_markup_mode=None)

_LOOK_SECONDS = 0.5
"""A signal that another thread is given, or that comes just before the main thread waits, does not end that wait."""


@commands.command()
def worker(
    dir: Dir = None,
    threads: Annotated[int, typer.Option(help="How many jobs at once.", min=1, max=64)] = WORKER_THREADS,
) -> None:
    """Run due jobs: several workers, on several machines, on PostgreSQL."""
    log()
    settings = load(dir)
    with opened(settings) as engine:
        stop = threading.Event()
        # On a thread of its own: a handler that set the event in the midst of the main thread's wait would lock it up.
        crew = Worker(engine, settings, clock.now, threads=threads)
        working = threading.Thread(target=crew.run, args=(stop,))
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, lambda *_: stop.set())
        say("Working. Ctrl-C stops within ten seconds; what is not done by then goes back to the queue.")
        working.start()
        while working.is_alive():
            working.join(_LOOK_SECONDS)
