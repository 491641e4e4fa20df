"""Hand out API keys. Each is shown once."""

from datetime import datetime

from app import credentials, ids
from app.db import DbSession
from app.models import ApiKey
from app.operations.events import tell
from app.rules.access import Actor
from app.vocabulary import Role


def create_api_key(db: DbSession, *, name: str, role: Role, person_id: str | None, actor: Actor, now: datetime) -> str:
    """Make a key and return it; this is the only time that it can be seen."""
    key_id = ids.new("key", now)
    shown, digest = credentials.new_api_key(key_id)
    db.add(ApiKey(id=key_id, name=name, role=role, person_id=person_id, digest=digest, created_at=now))
    db.flush()
    tell(db, "api_key.created", key_id, version=1, actor=actor, now=now)
    return shown
