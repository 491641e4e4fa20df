"""Make the demo ready for a visitor: calls on the floor at any hour, and people who heard some before."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.adapters.earshot_api import ApiRefused, EarshotApi
from app.demo.files import calls_csv
from app.demo.lively import calls_around, free_juniors, heard_before
from app.demo.shapes import Company

_HAND = "They are about to talk price"
_ASIDE = (("dialling", timedelta(hours=2)), ("heads_down", timedelta(hours=1)))


def prepare(api: EarshotApi, made: Company, *, url: str, now: datetime) -> str:
    """Bring past and present calls in, let juniors hear them, raise a hand; return in one sentence what came of it.
    Everything goes through the REST API, as an admin, save the hand: that is the host's own.
    """
    ids = {person["email"]: person["id"] for person in api.pages("/v1/people")}
    heard, around = heard_before(made, now=now), calls_around(made, now=now)
    past = {call.external_id: call for _, call in heard}
    call_ids = _import(api, replace(made, calls=(*past.values(), *around)))
    for junior, call in heard:
        observer = {"person_id": ids[junior.email], "part": "observer"}
        body = {"kind": "shadow", "call_id": call_ids[call.external_id], "participants": [observer]}
        api.send("POST", "/v1/sessions", json=body)
    on = [call for call in around if call.starts_at <= now]
    listeners = [one.email for one in free_juniors(made, now=now)]
    emails = {person.external_id: person.email for person in made.people}
    heard_now = [
        call for call in on if _somebody_drops_in(api, call_ids[call.external_id], [ids[email] for email in listeners])
    ]
    for call in heard_now[:1]:
        _raise_hand(api, url, call_ids[call.external_id], ids[emails[call.host_external_id]])
    for email, (presence, lasts) in zip(reversed(listeners), _ASIDE, strict=False):
        body = {"presence": presence, "until": (now + lasts).isoformat()}
        api.send("PUT", f"/v1/people/{ids[email]}/presence", json=body)
    return f"{len(heard)} calls heard before, {len(on)} put on the floor now, {len(around) - len(on)} soon"


def _import(api: EarshotApi, made: Company) -> Mapping[str, str]:
    """Bring calls in; return the ids of all there are by what the company calls them."""
    headers = {"Content-Type": "text/csv"}
    api.send("POST", "/v1/imports", params={"kind": "calls"}, content=calls_csv(made).encode(), headers=headers)
    return {one["id"]: call["id"] for call in api.pages("/v1/calls") for one in call["external"]}


def _somebody_drops_in(api: EarshotApi, call_id: str, observer_ids: Iterable[str]) -> bool:
    """Let the first who may listen do so: who listens elsewhere may not, and nobody may where the door is closed.
    Return whether somebody does.
    """
    for observer_id in observer_ids:
        try:
            api.send("POST", f"/v1/calls/{call_id}/seats", json={"observer_id": observer_id, "kind": "drop_in"})
        except ApiRefused:
            continue
        return True
    return False


def _raise_hand(api: EarshotApi, url: str, call_id: str, host_id: str) -> None:
    key = api.send("POST", "/v1/api-keys", json={"name": "a hand", "person_id": host_id})
    host = EarshotApi(url, key["secret"])
    try:
        host.send("PUT", f"/v1/calls/{call_id}/hand", json={"why": _HAND})
    finally:
        host.close()
    api.send("POST", f"/v1/api-keys/{key['id']}/revoke")
