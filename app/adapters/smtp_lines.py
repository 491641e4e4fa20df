"""Lines to a relay that wait for the next mail."""

import threading
import time

from app.adapters.smtp import Line

_MAILS_PER_LINE = 100


class IdleLines:
    """Keeps lines between mails, none for longer than `idle_seconds` or beyond 100 mails. For any number of threads."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._lines: list[Line] = []  # by how long they wait, so the last one is the likeliest to be alive
        self._sweeper: threading.Timer | None = None
        self._closed = False

    def take(self) -> Line | None:
        """Return a line that may still be alive; None when there is none."""
        with self._lock:
            return self._lines.pop() if self._lines else None

    def keep(self, line: Line) -> None:
        """Keep this line for the next mail, or part from it when it has done its share."""
        with self._lock:
            kept = not self._closed and line.mails < _MAILS_PER_LINE
            if kept:
                line.idle_since = time.monotonic()
                self._lines.append(line)
                self._sweep_later()
        if not kept:
            line.part()

    def close(self) -> None:
        """Part from all lines; those in use follow as they come back."""
        with self._lock:
            self._closed = True
            if self._sweeper:
                self._sweeper.cancel()
            parting, self._lines = self._lines, []
        for line in parting:
            line.part()

    def _sweep_later(self) -> None:
        if self._sweeper is None:
            due = self._lines[0].idle_since + self._idle_seconds
            self._sweeper = threading.Timer(max(0.0, due - time.monotonic()), self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        with self._lock:
            until = time.monotonic() - self._idle_seconds
            parting = [line for line in self._lines if line.idle_since <= until]
            self._lines = [line for line in self._lines if line.idle_since > until]
            self._sweeper = None
            if self._lines and not self._closed:
                self._sweep_later()
        for line in parting:
            line.part()
