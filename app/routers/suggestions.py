"""Suggestions for open seats."""

from fastapi import APIRouter

from app.errors import NotFound
from app.queries import calls, suggestions
from app.routers.dependencies import CurrentActor, Now, ReadDb, Route
from app.routers.problems import refusals
from app.rules.access import may_see
from app.schemas.suggestions import SuggestionRead, SuggestionsRead

router = APIRouter(prefix="/v1/calls", tags=["seats"], route_class=Route)


@router.get("/{call_id}/suggestions", operation_id="seats_suggestions", responses=refusals(NotFound))
def suggest_observers(call_id: str, db: ReadDb, now: Now, actor: CurrentActor) -> SuggestionsRead:
    """Suggest the best observers for a call, with reasons. For its host, who leads them, admins and auditors. They
    could take a seat now, or wait for one while it is full.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_see(actor, seen.host_id):
        raise NotFound("Only the host of a call hears who should sit in.")
    found = suggestions.observers_for(db, call_id, now=now)
    return SuggestionsRead(suggestions=[SuggestionRead.model_validate(one) for one in found])
