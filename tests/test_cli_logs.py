"""What the service logs: one JSON record a line, whoever logs and whatever is in it."""

import json
import subprocess
import sys

LOGS = """
import logging, structlog
from app.cli.logs import log
log()
structlog.get_logger("ours").info("request", path="/x\\n{}\\x1b[31m")
try:
    raise ValueError("two\\nlines")
except ValueError:
    logging.getLogger("theirs").exception("broken by %s", "a\\nname")
    structlog.get_logger("ours").exception("failed")
"""


def test_every_line_is_a_record_of_ours_and_of_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=True)

    ours, theirs, failed = (json.loads(line) for line in done.stderr.splitlines())

    assert (ours["event"], ours["path"], ours["level"]) == ("request", "/x\n{}\x1b[31m", "info")
    assert (theirs["event"], theirs["level"]) == ("broken by a\nname", "error")
    assert "ValueError: two\nlines" in theirs["exception"]
    assert "ValueError" in failed["exception"]
