"""Which fields of answers are figures about people, and answers without them: a house may switch them off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel

from app.schemas.match_questions import (
    ChangesRead,
    DifferenceRead,
    HurdleRead,
    MoveRead,
    SimulatedPairRead,
    WaitingRead,
    WhyNotRead,
)
from app.schemas.match_runs import ProposedMatchRead, UnmatchedRead
from app.schemas.matches import MatchRead
from app.schemas.plan_runs import PlanSeatRead, UnmetRead
from app.schemas.suggestions import SuggestionRead

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Figures:
    """The fields `shows` are figures about the people whom the fields `about` name; about nobody who is named, when
    there are none. Without fields to show, all of it is one.
    """

    about: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()


_PAIR = ("mentee_id", "mentor_id")
FIGURES: Mapping[type[BaseModel], Figures] = {
    MatchRead: Figures(_PAIR, ("score", "terms")),
    ProposedMatchRead: Figures(_PAIR, ("score", "terms")),
    SimulatedPairRead: Figures(_PAIR, ("score", "terms")),
    UnmatchedRead: Figures(("mentee_id",), ("reason", "excluded")),
    WaitingRead: Figures(("mentee_id",), ("reason", "excluded")),
    DifferenceRead: Figures(("mentee_id",), ("score", "before_score", "difference")),
    ChangesRead: Figures((), ("difference",)),
    HurdleRead: Figures((), ("has",)),
    MoveRead: Figures(("mentee_id",), ("score_before", "score_after")),
    WhyNotRead: Figures((), ("score_gap", "value_lost", "points_needed")),
    PlanSeatRead: Figures(("observer_id",), ("value", "terms", "teaches", "meets")),
    UnmetRead: Figures(("person_id",)),
    SuggestionRead: Figures(("person_id",), ("heard_lately", "reasons")),
}


def tells_figures(answer: Any) -> bool:
    """Whether an answer of this type, as a route declares it, has figures in it somewhere."""
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        inner = [field.annotation for field in answer.model_fields.values()]
        return answer in FIGURES or any(map(tells_figures, inner))
    return any(map(tells_figures, get_args(answer)))


def without_figures(answer: M, *, theirs: Callable[[str], bool]) -> M:
    """Return an answer without figures but those about people who are `theirs` to see: numbers become null, lists and
    maps empty.
    """
    values = {name: _inside(getattr(answer, name), theirs) for name in type(answer).model_fields}
    if not _may_stay(answer, theirs):
        values |= {name: _nothing(values[name]) for name in FIGURES[type(answer)].shows}
    return answer.model_copy(update=values)


def _inside(value: Any, theirs: Callable[[str], bool]) -> Any:
    if isinstance(value, BaseModel):
        return without_figures(value, theirs=theirs)
    if isinstance(value, list):
        return [_inside(one, theirs) for one in value if not _is_one(one) or _may_stay(one, theirs)]
    return value


def _is_one(value: Any) -> bool:
    figures = FIGURES.get(type(value))
    return figures is not None and not figures.shows


def _may_stay(answer: BaseModel, theirs: Callable[[str], bool]) -> bool:
    figures = FIGURES.get(type(answer))
    return figures is None or any(theirs(getattr(answer, name)) for name in figures.about)


def _nothing(value: Any) -> Any:
    match value:
        case dict():
            return {}
        case list():
            return []
    return None
