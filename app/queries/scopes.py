"""Say in SQL whose things an actor may see: what `rules/access` says of one person, of a column of people's ids."""

from typing import Any

from sqlalchemy import ARRAY, JSON, Boolean, ColumnElement, Text, bindparam, false, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.rules.access import Actor, sees_the_house


class _OneOf(FunctionElement[bool]):
    """Whether a column is one of a list, which goes along as one parameter however long it is: of 100 people, `IN` with
    a parameter for each makes a list of calls a third dearer.
    """

    type = Boolean()
    inherit_cache = True


@compiles(_OneOf, "sqlite")
def _on_sqlite(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, people = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({people}))"  # noqa: S608 - a column and a parameter


@compiles(_OneOf, "postgresql")
def _on_postgresql(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, people = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({people})"


_LIST = JSON().with_variant(ARRAY(Text), "postgresql")


def seen(actor: Actor, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows that are private to one of the people in these columns, as `may_see` says it."""
    if sees_the_house(actor):
        return true()
    return acted_for(actor, *columns)


def acted_for(actor: Actor, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows in which one of these columns is the actor, or somebody who reports to them.

    Most have nobody below them: theirs is one comparison. A tree goes along as one parameter for each column.
    """
    if not actor.people:
        return false()
    if not actor.reports:
        return or_(*(column == actor.person_id for column in columns))
    people = sorted(actor.people)
    return or_(*(_OneOf(column, bindparam(None, people, type_=_LIST)) for column in columns))
