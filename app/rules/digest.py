"""The digest of what a run was asked: the same inputs have the same one, and others another."""

import hashlib
import json
from typing import Any

from app.rules.matching.problem import MatchProblem
from app.rules.planning.problem import PlanProblem


def digest(inputs: MatchProblem | PlanProblem) -> str:
    """SHA-256 of the inputs in one canonical form: fields in their order, sets sorted, people as they come."""
    return hashlib.sha256(json.dumps(inputs, default=_plain, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return what JSON has no form for: a set as a sorted list, an object as its fields. `asdict`, which copies all the
    way down, takes ten times as long, and the week of 250 juniors has hundreds of thousands of pairs.
    """
    if isinstance(value, frozenset):
        return sorted(value)
    return [getattr(value, name) for name in value.__dataclass_fields__]
