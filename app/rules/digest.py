"""The digest of what a run was asked: the same inputs have the same one, and others another."""

import hashlib
import json
from dataclasses import asdict

from app.rules.matching.problem import MatchProblem
from app.rules.planning.problem import PlanProblem


def digest(inputs: MatchProblem | PlanProblem) -> str:
    """SHA-256 of the inputs in one canonical form: fields by name, sets in order, people as they come."""
    return hashlib.sha256(json.dumps(asdict(inputs), default=sorted, sort_keys=True).encode()).hexdigest()
