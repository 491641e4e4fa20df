"""Say in SQL whose things an actor may see: what `rules/access` says of one person, of a column of people's ids."""

from typing import Any

from sqlalchemy import ColumnElement, false, or_, true

from app.rules.access import Actor, sees_the_house


def seen(actor: Actor, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows that are private to one of the people in these columns, as `may_see` says it."""
    if sees_the_house(actor):
        return true()
    return acted_for(actor, *columns)


def acted_for(actor: Actor, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows in which one of these columns is the actor, or somebody who reports to them.

    Most have nobody below them: theirs is one comparison. A tree goes along as one parameter per person and column:
    four columns of 5,000 people are within the 32,766 that SQLite takes.
    """
    if not actor.people:
        return false()
    if not actor.reports:
        return or_(*(column == actor.person_id for column in columns))
    people = sorted(actor.people)
    return or_(*(column.in_(people) for column in columns))
