"""The audit as a file of comma-separated values: for who takes it along."""

import json
from collections.abc import Iterator

from sqlalchemy import Engine

from app.queries.audit import AuditFilter, all_audit
from app.rules.csv_rows import row
from app.schemas.audit import AuditRead

_COLUMNS = tuple(AuditRead.model_fields)


def audit_lines(engine: Engine, wanted: AuditFilter) -> Iterator[str]:
    """Yield the events, newest first, after a line of names; some at once. Ask first whether they may be read."""
    yield row(_COLUMNS)
    for part in all_audit(engine, wanted):
        yield "".join(row(_cells(AuditRead.model_validate(one))) for one in part)


def _cells(one: AuditRead) -> list[str | int | None]:
    plain = one.model_dump(mode="json")
    detail = plain["detail"] and json.dumps(plain["detail"], ensure_ascii=False)
    return [detail if name == "detail" else plain[name] for name in _COLUMNS]
