"""Which part of the API each tag belongs to, for keys that are let into parts of it."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.routing import APIRoute

from app.errors import Forbidden
from app.rules.access import Actor, admits
from app.vocabulary import Area

AREA_OF_TAG: Mapping[str, Area] = {
    "accounts": Area.CALLS,
    "availability": Area.AVAILABILITY,
    "call types": Area.SETTINGS,
    "calls": Area.CALLS,
    "diallers": Area.WEBHOOKS,
    "feeds": Area.FEEDS,
    "floor": Area.CALLS,
    "holds": Area.SEATS,
    "imports": Area.IMPORTS,
    "jobs": Area.JOBS,
    "mail": Area.MAIL,
    "matching": Area.MATCHING,
    "message templates": Area.SETTINGS,
    "operations": Area.JOBS,
    "people": Area.PEOPLE,
    "planning": Area.MATCHING,
    "programs": Area.MATCHING,
    "seats": Area.SEATS,
    "sessions": Area.SESSIONS,
    "settings": Area.SETTINGS,
    "skills": Area.PEOPLE,
    "teams": Area.PEOPLE,
    "waitlist": Area.SEATS,
    "webhooks": Area.WEBHOOKS,
}
CLOSED_TAGS = frozenset({"access", "audit", "me", "privacy"})
"""Open to no key that is let into parts only: who may do what, and what is known of whom."""
_READS = frozenset({"GET", "HEAD"})


class ScopeMissing(Forbidden):
    """The key is let into other parts of the API."""

    code = "scope_missing"
    title = "This key is not let in here"


def scope_of(tag: str, method: str) -> str | None:
    """Return the scope that lets a key ask this of what has this tag; None: no scope does."""
    area = AREA_OF_TAG.get(tag)
    if area is None:
        return None
    return f"{area}:{'read' if method in _READS else 'write'}"


def check_scope(request: Request, actor: Actor) -> None:
    """Raise ScopeMissing, naming the scope that would do, when the actor's key is not let in here."""
    if actor.scopes is None:
        return
    route: APIRoute = request.scope["route"]
    tag = str(route.tags[0])
    if tag in CLOSED_TAGS or tag not in AREA_OF_TAG:
        raise ScopeMissing("This takes a key without scopes.")
    if not admits(actor.scopes, AREA_OF_TAG[tag], writes=request.method not in _READS):
        wanted = scope_of(tag, request.method)
        raise ScopeMissing(f"This takes the scope {wanted}.", extra={"scope": wanted})
