"""Problems say no more than once what every problem says."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from app.errors import Conflict, Extra
from app.routers.problems import refuse

MEMBERS = ("type", "title", "status", "detail", "instance", "code", "request_id", "errors")


@pytest.mark.parametrize("member", MEMBERS)
def test_nothing_that_every_problem_has_is_overwritten(member: str) -> None:
    with pytest.raises(ValueError, match=member):
        Conflict("No.", extra={"seat_id": "seat_1", member: "mine"})


def test_instants_are_written_in_utc_however_deep_they_are() -> None:
    at = datetime(2026, 11, 23, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    extra: dict[str, Extra] = {"at": at, "several": [{"at": at, "more": [at, None]}], "one": {"ids": ["a"], "at": at}}

    body = json.loads(bytes(refuse(Conflict("No.", extra=extra), request_id="r").body))

    z = "2026-11-23T10:00:00Z"
    assert (body["at"], body["several"], body["one"]) == (z, [{"at": z, "more": [z, None]}], {"ids": ["a"], "at": z})
