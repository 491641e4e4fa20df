"""Run one function in a process of its own, with limits on time and memory.

A solver may hold the interpreter lock for its whole run, and may want more memory than the server should give. The
child is a fresh interpreter that imports the solver and nothing else of the product.
"""

import importlib
import math
import os
import pickle
import subprocess
import sys
import threading
from typing import Any, TypeVar

if sys.platform != "win32":
    import resource

Answer = TypeVar("Answer")

_RESERVED_MEBIBYTES = 1024
"""Address space that numeric libraries reserve and never touch."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For numeric libraries: one that takes every core takes the server's, adds up in another order on another machine, and
comes to its limit of CPU seconds before that of the clock.
"""
_LOOK_SECONDS = 0.1
"""How often to look whether anybody still waits for the answer."""


class ChildFailed(Exception):
    """The child ran out of time or memory, or died."""


class ChildStopped(Exception):
    """Nobody waits for the answer any more."""


def run_limited(
    work: str, question: object, *, answer: type[Answer], seconds: float, mebibytes: int, over: threading.Event
) -> Answer:
    """Return what `work` (`module:function`) answers to the question. Exceptions of it are raised here as they are.

    Raises ChildFailed when the limit of wall-clock seconds or of memory is hit, ChildStopped soon after `over` is set;
    the child is then gone.
    """
    sent = pickle.dumps((work, question, mebibytes, math.ceil(seconds)))
    with subprocess.Popen(
        [sys.executable, "-c", "from app.child import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD},
        start_new_session=True,  # Ctrl-C is for the worker, which decides what becomes of its jobs
    ) as child:
        ended = threading.Event()
        threading.Thread(target=_stop_when, args=(over, child, ended), daemon=True).start()
        try:
            written, _ = child.communicate(sent, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"The solver was stopped after {seconds:g} seconds.") from None
        finally:
            child.kill()
            ended.set()
    if over.is_set():
        raise ChildStopped("Nobody waits for the answer any more.")
    if child.returncode != 0:
        raise ChildFailed("The solver ended without an answer: it may have needed more memory than allowed.")
    got = pickle.loads(written)  # noqa: S301 - written by our own child
    if isinstance(got, Exception):
        raise got
    if not isinstance(got, answer):
        raise ChildFailed(f"The solver answered with {type(got).__name__}.")
    return got


def _stop_when(over: threading.Event, child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    while not ended.wait(_LOOK_SECONDS):
        if over.is_set():
            child.kill()


def main() -> None:
    """Be the child: read the question, answer it, end."""
    work, question, mebibytes, seconds = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by our own parent
    if sys.platform != "win32":
        limit = (mebibytes + _RESERVED_MEBIBYTES) * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # also when nobody is left to stop it
    sys.stdout.buffer.write(pickle.dumps(_answer(work, question)))


def _answer(work: str, question: object) -> Any:
    module, _, function = work.partition(":")
    # Not in the `try`: short of memory, a numeric library fails to load with an ImportError. The child then dies of it.
    solver = getattr(importlib.import_module(module), function)
    try:
        return solver(question)
    except MemoryError:
        return ChildFailed("The solver needed more memory than allowed.")
    except Exception as error:
        return error
