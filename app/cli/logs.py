"""How the service logs: for people on a terminal, as JSON into anything else."""

import json
import logging
import sys

import structlog
from structlog.typing import EventDict, Processor


def log(*, quiet: bool = False) -> None:
    """Log to stderr, one record a line; `quiet`: warnings and worse only. Libraries log like we do."""
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    written = _for_people() if sys.stderr.isatty() else _for_machines()
    handler = logging.StreamHandler(sys.stderr)
    unwrapped = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[unwrapped, *written], foreign_pre_chain=stamped)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    structlog.configure(
        processors=[*stamped, *written],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=json.dumps)]


def _for_people() -> list[Processor]:
    return [_printable, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _printable(_logger: object, _method: str, said: EventDict) -> EventDict:
    """Spell out what a stranger could steer the terminal with."""
    return {name: _spelled(value) if isinstance(value, str) else value for name, value in said.items()}


def _spelled(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
