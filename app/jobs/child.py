"""Run one function in a process of its own, with limits on time and memory.

A solver may hold the interpreter lock for its whole run, and may want more memory than the server should give.
"""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class ChildFailed(Exception):
    """The child ran out of time or memory, or died."""


def run_limited(work: Callable[[Question], Answer], question: Question, *, seconds: float, mebibytes: int) -> Answer:
    """Return `work(question)` as computed by a child process. Exceptions of `work` are raised here as they are.

    Raises ChildFailed when the limit of wall-clock seconds or of address space is hit; the child is then gone.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, mebibytes), daemon=True)
    child.start()
    theirs.close()
    try:
        ours.send((work, question))
        if not ours.poll(seconds):
            raise ChildFailed(f"The solver was stopped after {seconds:.0f} seconds.")
        worked, answer = ours.recv()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise ChildFailed("The solver ended without an answer: it may have needed more memory than allowed.") from None
    finally:
        ours.close()
        child.kill()
        child.join()
    if not worked:
        raise answer
    return answer  # type: ignore[no-any-return]


def _serve(pipe: Connection, mebibytes: int) -> None:
    if sys.platform.startswith("linux"):
        # Address space, not resident memory: libraries reserve about a gibibyte that they never touch.
        limit = (mebibytes + 1024) * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    work, question = pipe.recv()
    try:
        pipe.send((True, work(question)))
    except MemoryError:
        pipe.send((False, ChildFailed("The solver needed more memory than allowed.")))
    except Exception as error:  # carried over to the parent, whatever it is
        pipe.send((False, error))
