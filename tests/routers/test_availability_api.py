"""Working hours and busy time over the API."""

from typing import Any

import pytest

from tests.harness import Api
from tests.statements import assert_same_cost

HOURS: dict[str, Any] = {
    "time_zone": "America/Phoenix",
    "weekly": [
        {"weekday": 1, "start": "09:00", "end": "12:00"},
        {"weekday": 1, "start": "12:00", "end": "17:30"},
        {"weekday": 5, "start": "22:00", "end": "24:00"},
        {"weekday": 6, "start": "00:00", "end": "06:00"},
    ],
    "exceptions": [
        {"date": "2026-12-24", "ranges": []},
        {"date": "2026-12-31", "ranges": [{"start": "09:00", "end": "12:00"}]},
    ],
}


def a_rep(api: Api, name: str) -> str:
    body = {"name": name, "email": f"{name}@earshot.example", "time_zone": "Europe/London"}
    made: str = api.admin.post("/v1/people", json=body).json()["id"]
    return made


def interval(start: str, end: str, **more: str) -> dict[str, str]:
    return {"starts_at": f"2026-11-23T{start}:00Z", "ends_at": f"2026-11-23T{end}:00Z", **more}


def test_hours_begin_as_office_hours_and_read_back_as_they_were_put(api: Api) -> None:
    ada = a_rep(api, "ada")
    rep, place = api.rep(ada), f"/v1/people/{ada}/availability"

    first = rep.get(place)
    put = rep.put(place, json=HOURS, headers={"If-Match": first.headers["etag"]})
    same = rep.put(place, json=HOURS)
    late = rep.put(place, json=HOURS, headers={"If-Match": '"v1"'})

    assert [row["weekday"] for row in first.json()["weekly"]] == [1, 2, 3, 4, 5]
    assert (first.json()["time_zone"], first.json()["weekly"][0]["start"]) == ("Europe/London", "09:00")
    assert put.status_code == 200, put.text
    assert {name: put.json()[name] for name in HOURS} == HOURS
    assert (put.headers["etag"], same.headers["etag"]) == ('"v2"', '"v2"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert rep.get(place).json() == put.json()
    assert rep.get(place, headers={"If-None-Match": '"v2"'}).status_code == 304
    assert api.admin.get(f"/v1/people/{ada}").json()["time_zone"] == "America/Phoenix"


def test_moving_to_another_zone_is_a_new_version_of_the_hours(api: Api) -> None:
    ada = a_rep(api, "ada")
    place = f"/v1/people/{ada}/availability"

    api.admin.patch(f"/v1/people/{ada}", json={"time_zone": "Asia/Kolkata"})

    seen = api.admin.get(place, headers={"If-None-Match": '"v1"'})
    assert (seen.status_code, seen.json()["time_zone"], seen.headers["etag"]) == (200, "Asia/Kolkata", '"v2"')


@pytest.mark.parametrize(
    ("weekday", "start", "end", "rows"),
    [
        (
            5,
            "22:00",
            "06:00",
            '{"weekday": 5, "start": "22:00", "end": "24:00"} and {"weekday": 6, "start": "00:00", "end": "06:00"}',
        ),
        (
            7,
            "09:00",
            "09:00",
            '{"weekday": 7, "start": "09:00", "end": "24:00"} and {"weekday": 1, "start": "00:00", "end": "09:00"}',
        ),
        (1, "22:00", "00:00", '{"weekday": 1, "start": "22:00", "end": "24:00"}'),
    ],
)
def test_a_night_shift_is_refused_with_the_two_rows_that_say_it(
    sqlite_api: Api, weekday: int, start: str, end: str, rows: str
) -> None:
    place = f"/v1/people/{a_rep(sqlite_api, 'ada')}/availability"
    weekly = [*HOURS["weekly"][:1], {"weekday": weekday, "start": start, "end": end}]

    refused = sqlite_api.admin.put(place, json={**HOURS, "weekly": weekly})

    assert (refused.status_code, refused.json()["code"]) == (422, "night_shift")
    assert refused.json()["detail"] == f"Write {rows}."
    assert refused.json()["errors"][0]["pointer"] == "/weekly/1"


def test_a_night_shift_of_one_date_names_the_day_after(sqlite_api: Api) -> None:
    place = f"/v1/people/{a_rep(sqlite_api, 'ada')}/availability"
    exceptions = [{"date": "2026-12-31", "ranges": [{"start": "22:00", "end": "02:00"}]}]

    refused = sqlite_api.admin.put(place, json={**HOURS, "exceptions": exceptions})

    assert (refused.status_code, refused.json()["code"]) == (422, "night_shift")
    assert '{"date": "2027-01-01", "start": "00:00", "end": "02:00"}' in refused.json()["detail"]
    assert refused.json()["errors"][0]["pointer"] == "/exceptions/0/ranges/0"


def test_ranges_of_one_day_do_not_overlap(api: Api) -> None:
    place = f"/v1/people/{a_rep(api, 'ada')}/availability"
    weekly = [
        {"weekday": 1, "start": "11:59", "end": "17:00"},
        {"weekday": 2, "start": "09:00", "end": "17:00"},
        {"weekday": 1, "start": "09:00", "end": "12:00"},
    ]
    ranges = [{"start": "09:00", "end": "12:00"}, {"start": "09:00", "end": "12:00"}]

    for wrong, pointer in (
        ({"weekly": weekly}, "/weekly/0"),
        ({"exceptions": [{"date": "2026-12-31", "ranges": ranges}]}, "/exceptions/0/ranges/1"),
    ):
        refused = api.admin.put(place, json={**HOURS, **wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "overlap"), refused.text
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert api.admin.get(place).headers["etag"] == '"v1"'


def test_hours_that_are_none_are_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7f3a"
    place = f"/v1/people/{a_rep(api, 'ada')}/availability"
    day = {"date": "2026-12-24", "ranges": []}
    for wrong in (
        {"time_zone": canary},
        {"weekly": [{"weekday": 0, "start": "09:00", "end": "10:00"}]},
        {"weekly": [{"weekday": 8, "start": "09:00", "end": "10:00"}]},
        {"weekly": [{"weekday": True, "start": "09:00", "end": "10:00"}]},
        {"weekly": [{"weekday": 1, "start": "24:00", "end": "24:00"}]},
        {"weekly": [{"weekday": 1, "start": "9:00", "end": "10:00"}]},
        {"weekly": [{"weekday": 1, "start": "09:00", "end": "24:01"}]},
        {"weekly": [{"weekday": 1, "start": "09:00", "end": "٢٣:٠٠"}]},
        {"weekly": [{"weekday": 1, "start": 540, "end": canary}]},
        {"weekly": canary},
        {"exceptions": [day, day]},
        {"exceptions": [{"date": 1766534400, "ranges": []}]},
        {"exceptions": [{"date": "9999-12-31", "ranges": []}]},
        {"exceptions": [{"date": "2026-02-30", "ranges": []}]},
        {"exceptions": [{"date": f"2026-12-24T{canary}", "ranges": []}]},
        {"exceptions": [{"date": f"2027-01-{n % 28 + 1:02}", "ranges": []} for n in range(367)]},
        {canary: 1},
    ):
        refused = api.admin.put(place, json={**HOURS, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert api.admin.get(place).headers["etag"] == '"v1"'


def test_the_hours_and_busy_time_of_others_are_hidden(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    rep = api.rep(ada)
    busy = {"source": "outlook", "intervals": [interval("09:00", "10:00")]}

    for hidden in (
        rep.get(f"/v1/people/{ben}/availability"),
        rep.put(f"/v1/people/{ben}/availability", json=HOURS),
        rep.get(f"/v1/people/{ben}/busy"),
        rep.put(f"/v1/people/{ben}/busy", json=busy),
        api.admin.get("/v1/people/per_none/availability"),
        api.admin.put("/v1/people/per_none/availability", json=HOURS),
        api.admin.get("/v1/people/per_none/busy"),
        api.admin.put("/v1/people/per_none/busy", json=busy),
    ):
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    assert rep.put(f"/v1/people/{ada}/busy", json=busy).status_code == 200


def test_a_source_replaces_only_what_it_said_itself(api: Api) -> None:
    ada = a_rep(api, "ada")
    rep, place = api.rep(ada), f"/v1/people/{ada}/busy"

    rep.put(place, json={"source": "outlook", "intervals": [interval("09:00", "10:00"), interval("09:30", "11:00")]})
    rep.put(place, json={"source": "google", "intervals": [interval("13:00", "14:00", status="tentative")]})
    put = rep.put(place, json={"source": "outlook", "intervals": [interval("15:00", "16:00")]})

    assert (put.status_code, put.json()) == (200, {"source": "outlook", "intervals": 1})
    listed = [(row["source"], row["starts_at"], row["status"]) for row in rep.get(place).json()["data"]]
    assert listed == [
        ("google", "2026-11-23T13:00:00Z", "tentative"),
        ("outlook", "2026-11-23T15:00:00Z", "busy"),
    ]


def test_busy_time_is_listed_by_half_open_window_page_by_page(api: Api) -> None:
    ada = a_rep(api, "ada")
    rep, place = api.rep(ada), f"/v1/people/{ada}/busy"
    hours = ("09", "10", "11", "12", "13")
    intervals = [interval(f"{hour}:00", f"{hour}:59") for hour in hours]
    rep.put(place, json={"source": "outlook", "intervals": intervals[::-1]})

    def starts(**query: Any) -> list[str]:
        return [row["starts_at"][11:13] for row in rep.get(place, params=query).json()["data"]]

    assert starts() == list(hours)
    assert starts(ends_at_gt="2026-11-23T10:59:00Z", starts_at_lt="2026-11-23T13:00:00Z") == ["11", "12"]
    first = rep.get(place, params={"limit": 3})
    assert [row["starts_at"][11:13] for row in rep.get(first.links["next"]["url"]).json()["data"]] == ["12", "13"]
    assert_same_cost(api, rep, place)


def test_busy_time_that_is_none_is_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7f3a"
    place = f"/v1/people/{a_rep(api, 'ada')}/busy"
    good = interval("09:00", "10:00")
    for wrong in (
        {"intervals": [good, interval("10:00", "10:00")]},
        {"intervals": [{**good, "starts_at": "2026-11-23T09:00:00"}]},
        {"intervals": [{**good, "status": canary}]},
        {"intervals": [{**good, canary: 1}]},
        {"intervals": [good] * 5001},
        {"source": canary + "!"},
        {"source": "s" * 65},
    ):
        refused = api.admin.put(place, json={"source": "outlook", "intervals": [good], **wrong})

        assert refused.status_code == 422, (str(wrong)[:200], refused.text)
        assert canary not in refused.text
    backwards = api.admin.put(place, json={"source": "outlook", "intervals": [good, interval("10:00", "09:00")]})
    assert backwards.json()["errors"] == [
        {"pointer": "/intervals/1", "code": "end_before_start", "detail": "ends_at must be later than starts_at"}
    ]
    assert api.admin.get(place).json()["data"] == []
