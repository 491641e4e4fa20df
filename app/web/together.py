"""Do once, for all who ask at the same time, what costs nearly the same for many as for one."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")


class Together(Generic[Asked, Found]):
    """Answers threads in groups: who asks while the answers of one group are looked for is in the next.

    Nobody gets an answer that was begun before they asked, so nothing is ever out of date, and nothing has to be known
    of what changes it. Who asks alone waits for nobody.
    """

    def __init__(self, find: Callable[[Sequence[Asked]], Sequence[Found]]) -> None:
        """`find` returns an answer to each of those who ask, in their order; what it raises, each of them raises."""
        self._find = find
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._next = _Group[Asked, Found]()

    def ask(self, asked: Asked) -> Found:
        """Return the answer: who is first in a group looks for it, as soon as the group before has theirs."""
        with self._guard:
            group, place = self._next, len(self._next.asked)
            group.asked.append(asked)
        if place == 0:
            with self._turn:
                with self._guard:
                    self._next = _Group()
                group.look(self._find)
        return group.found.result()[place]


class _Group(Generic[Asked, Found]):
    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.found = Future[Sequence[Found]]()

    def look(self, find: Callable[[Sequence[Asked]], Sequence[Found]]) -> None:
        try:
            self.found.set_result(find(self.asked))
        except BaseException as error:
            self.found.set_exception(error)
