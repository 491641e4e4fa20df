"""Lines to a relay that wait for the next mail."""

import threading

from app.adapters.smtp import Line

_MAILS_PER_LINE = 100


class IdleLines:
    """Keeps lines between mails, none for longer than `idle_seconds` or beyond 100 mails. For any number of threads."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._waiting: dict[Line, threading.Timer] = {}  # the last one has waited least, so it is likeliest to be alive
        self._closed = False

    def take(self) -> Line | None:
        """Return a line that may still be alive; None when there is none."""
        with self._lock:
            if not self._waiting:
                return None
            line, timer = self._waiting.popitem()
        timer.cancel()
        return line

    def keep(self, line: Line) -> None:
        """Keep this line for the next mail, or part from it when it has done its share."""
        with self._lock:
            kept = not self._closed and line.mails < _MAILS_PER_LINE
            if kept:
                self._waiting[line] = timer = threading.Timer(self._idle_seconds, self._part, [line])
                timer.daemon = True
                timer.start()
        if not kept:
            line.part()

    def close(self) -> None:
        """Part from all lines; those in use follow as they come back."""
        with self._lock:
            self._closed = True
        while line := self.take():
            line.part()

    def _part(self, line: Line) -> None:
        with self._lock:
            idle = self._waiting.pop(line, None)
        if idle:
            line.part()
