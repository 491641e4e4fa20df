"""Lists by keyset: a page begins after the last row of the page before, however much was written in between."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_

from app import credentials
from app.db import DbSession
from app.errors import Malformed

Row = TypeVar("Row")


class CursorInvalid(Malformed):
    """The cursor was altered, or belongs to another filter or sort."""

    noted = True
    code = "cursor_invalid"
    title = "This cursor does not belong to this list"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: `filters` names the path, filters and sort that a cursor is bound to."""

    limit: int
    cursor: str | None
    filters: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class PageOf(Generic[Row]):
    """A page and the way to the next one; None at the end."""

    rows: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: one column, up or down, then the id (or slug) so that no two rows are equal."""

    column: ColumnElement[Any]
    id_column: ColumnElement[Any]
    descending: bool = False

    def clauses(self) -> list[ColumnElement[Any]]:
        """Return what goes into ORDER BY."""
        columns = [self.column] if self.column is self.id_column else [self.column, self.id_column]
        return [column.desc() if self.descending else column.asc() for column in columns]

    def after(self, value: Any, key: Any) -> ColumnElement[bool]:
        """Return the condition for rows that come after (value, key)."""
        if self.column is self.id_column:
            return self.id_column.__lt__(key) if self.descending else self.id_column.__gt__(key)
        if self.descending:
            return or_(self.column < value, and_(self.column == value, self.id_column < key))
        return or_(self.column > value, and_(self.column == value, self.id_column > key))


def fetch(db: DbSession, query: Select[Any], request: PageRequest, order: Order) -> PageOf[Any]:
    """Return one page of rows; what they are sorted by is added to them. One statement."""
    query = with_place(query, order).order_by(*order.clauses()).limit(request.limit + 1)
    return page_of(db.execute(query.where(*beyond(request, order))).all(), request)


def with_place(query: Select[Any], order: Order) -> Select[Any]:
    """Add what the rows of a list are sorted by, for the cursor."""
    return query.add_columns(order.column.label("sorted_by"), order.id_column.label("after_id"))


def beyond(request: PageRequest, order: Order) -> list[ColumnElement[bool]]:
    """Return the condition for the rows after those of the pages before. Raises CursorInvalid."""
    return [] if request.cursor is None else [order.after(*_position(request))]


def page_of(found: Sequence[Any], request: PageRequest) -> PageOf[Any]:
    """Make a page of rows with their place, of which there is one more than fits when another page follows."""
    rows = list(found[: request.limit])
    more = len(found) > request.limit
    return PageOf(rows, _cursor(rows[-1].sorted_by, rows[-1].after_id, request) if more else None)


def _cursor(value: Any, key: Any, request: PageRequest) -> str:
    moment = isinstance(value, datetime)
    # Not escaped: a name of 200 emojis must fit into a cursor that we accept back.
    payload = json.dumps(["t" if moment else "v", value.isoformat() if moment else value, key], ensure_ascii=False)
    return credentials.seal(payload.encode(), secret_key=request.secret_key, purpose=f"cursor:{request.filters}")


def _position(request: PageRequest) -> tuple[Any, Any]:
    payload = credentials.unseal(
        request.cursor or "", secret_key=request.secret_key, purpose=f"cursor:{request.filters}"
    )
    if payload is None:
        raise CursorInvalid("Start again without a cursor.")
    kind, value, key = json.loads(payload)
    return (datetime.fromisoformat(value).astimezone(UTC) if kind == "t" else value), key
