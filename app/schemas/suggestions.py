"""Suggestions as they travel."""

from typing import Any

from pydantic import ConfigDict

from app.rules.suggestions import Why
from app.schemas.shapes import Read

_EXAMPLE: dict[str, Any] = {
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qd",
    "name": "Aisha Bello",
    "heard_lately": 1,
    "reasons": [
        {"code": "wants_skill", "skill": "discovery.questioning"},
        {"code": "own_mentor", "skill": None},
    ],
}


class ReasonRead(Read):
    """One thing that speaks for an observer; `skill` is the one they want to learn."""

    code: Why
    skill: str | None


class SuggestionRead(Read):
    """Somebody who could sit in, how many calls they heard in four weeks, and what speaks for them. Where figures about
    people are switched off, who asks is told neither, as everywhere.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    person_id: str
    name: str
    heard_lately: int | None
    reasons: list[ReasonRead]


class SuggestionsRead(Read):
    """Who should be asked first, at most ten; who needs the call most comes first."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{"suggestions": [_EXAMPLE]}]})

    suggestions: list[SuggestionRead]
