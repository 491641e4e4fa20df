"""Statements are compiled once for all engines of a run. An engine keeps what it compiles, and a test has an engine of
its own: a quarter of the processor's time went into compiling the same statements for each test again.
"""

from typing import Any

from sqlalchemy import Engine

from app.db import reader_of

_MANY = 20_000
"""Statements that are kept; an engine by itself keeps 500."""
_KEPT: dict[tuple[str, str], tuple[Any, Any]] = {}
"""By the kind of a database and what an engine is for: the dialect by which it compiles, and what it has compiled."""


def share_compiled(engine: Engine) -> Engine:
    """Let an engine that has not been used yet have what others of its kind have compiled."""
    for key, one in _parts(engine):
        if key in _KEPT:
            one.dialect, one._compiled_cache = _KEPT[key]
    return engine


def keep_compiled(engine: Engine) -> None:
    """Let others have what this engine has compiled, if it was ever connected: a dialect learns from its server."""
    for key, one in _parts(engine):
        if key not in _KEPT and one.dialect.default_schema_name:
            compiled: Any = one._compiled_cache
            compiled.capacity = _MANY
            _KEPT[key] = one.dialect, compiled


def _parts(engine: Engine) -> list[tuple[tuple[str, str], Engine]]:
    options = engine.get_execution_options()
    named = {"all": engine, "reading": reader_of(engine), "glances": options["glancer"]}
    return [((engine.dialect.name, use), one) for use, one in named.items()]
