"""Ask for many instants in one value: to make an object of each of many thousand takes longer than all the rest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Dialect, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Ints = NDArray[np.int64]

SECOND = 1_000_000
"""In microseconds."""


class _Microseconds(TypeDecorator[Ints]):
    """Many instants in microseconds since 1970."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Ints:
        """Read what `Instants` gave; of no rows, and no group, it gives NULL."""
        if value is None:
            return np.empty(0, np.int64)
        if dialect.name == "sqlite":
            return np.frombuffer(value.encode(), "S26").astype("datetime64[us]").astype(np.int64)
        return np.array(value, np.int64)


class Instants(FunctionElement[Ints]):
    """All instants of a group's rows in one value. Several of them keep one order."""

    type = _Microseconds()
    inherit_cache = True


@compiles(Instants, "sqlite")
def _on_sqlite(element: Instants, compiler: Any, **options: Any) -> str:
    # Each is stored as 26 characters.
    return f"group_concat({compiler.process(element.clauses, **options)}, '')"


@compiles(Instants, "postgresql")
def _on_postgresql(element: Instants, compiler: Any, **options: Any) -> str:
    # A double holds today's seconds to a quarter of a microsecond.
    return f"array_agg((date_part('epoch', {compiler.process(element.clauses, **options)}) * 1000000)::bigint)"
