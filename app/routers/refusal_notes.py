"""Leave a line in the audit for refusals that are worth one."""

import threading
from datetime import datetime
from functools import partial

import structlog
from fastapi import Request

from app import db
from app.errors import Problem, Unavailable
from app.house import House
from app.limits import Limits
from app.operations.audit import Refused, note_refusal
from app.routers.rates import limits_of
from app.rules.rates import Rate

log = structlog.get_logger("earshot.http")

LINES_PER_MINUTE = 60
"""By one process: as many at once, and then one for each as is free again. Who hammers at the door must not fill the
database.
"""
_LINES = Rate("noted_refusals", limit=LINES_PER_MINUTE, seconds=60, burst=LINES_PER_MINUTE)


class RefusalNotes:
    """Writes the lines. What is too much is counted in the first line after it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._passed_over = 0

    def note(self, request: Request, problem: Problem) -> None:
        """Write down what was refused, in a transaction of its own after that of the request. A database that can't
        take it is no reason to answer anything else: the log has it then.
        """
        house: House = request.app.state.house
        now = house.clock()
        passed_over = self._turn(limits_of(request), now)
        if passed_over is None:
            return
        refused = _refused(request, problem)
        try:
            db.written(house.engine, partial(note_refusal, refused=refused, passed_over=passed_over, now=now))
        except Unavailable:
            log.warning("refusal not noted", code=refused.code, path=refused.path)

    def _turn(self, limits: Limits, now: datetime) -> int | None:
        """Return how many were passed over before the line that may be written now; None when none may."""
        with self._guard:
            if limits.take(_LINES, "", at=now) is not None:
                self._passed_over += 1
                return None
            passed_over, self._passed_over = self._passed_over, 0
            return passed_over


def _refused(request: Request, problem: Problem) -> Refused:
    path = request.scope["route"].path  # as the route is written: what was asked for may be a secret
    return Refused(
        request_id=request.state.request_id,
        code=problem.code,
        method=request.method,
        path=path,
        address=request.client.host if request.client else "",
        signing_in=path.startswith("/login"),
        by=problem.by,
    )
