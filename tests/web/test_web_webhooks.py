"""Webhook endpoints in a browser: added, tried, paused and sent to again there; their secrets are shown once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from app import ids
from app.models.tables import delivery, delivery_attempt, event, webhook_endpoint
from app.operations.webhooks import create_endpoint
from app.rules.access import SYSTEM
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, Role, WebhookFormat
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

CRM = {"name": "CRM", "url": "https://crm.example/hooks", "format": "standard", "acts": "seat.*, session.booked"}
CHAT_URL = "https://hooks.slack.example/services/canary"


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return a_browser(site, Role.ADMIN)


def a_browser(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Ada Weber", role=role).id
    return site.signed_in(person_id)


def an_endpoint(site: Site, url: str = CRM["url"], form: WebhookFormat = WebhookFormat.STANDARD, **changes: Any) -> str:
    told: dict[str, Any] = {"form": form, "acts": [], "allowed": (), "actor": SYSTEM, "now": NOW}
    with site.db() as db:
        made: str = create_endpoint(db, name="Warehouse", url=url, **told).endpoint.id
        if changes:
            db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == made).values(**changes))
    return made


def a_delivery(site: Site, endpoint_id: str, status: DeliveryStatus, *codes: int | None) -> str:
    made, event_id = ids.new("dlv", NOW), ids.new("evt", NOW)
    told: dict[str, Any] = {"endpoint_id": endpoint_id, "event_id": event_id, "act": "seat.booked", "sequence": 7}
    told |= {"body": b'{"type":"seat.booked"}', "status": status, "attempts": len(codes), "due_at": NOW}
    with site.db() as db:
        db.execute(insert(delivery).values(id=made, **told, created_at=NOW, updated_at=NOW))
        for code in codes:
            tried = {"id": ids.new("att", NOW), "delivery_id": made, "at": NOW, "elapsed_ms": 231}
            answer = "<b>try later</b>" if code else None
            why = None if code else "ConnectTimeout"
            db.execute(insert(delivery_attempt).values(**tried, status_code=code, answer=answer, why=why))
    return made


def stored(site: Site, endpoint_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id)).one()


def statuses(site: Site) -> dict[str, DeliveryStatus]:
    with site.db() as db:
        return {row.id: row.status for row in db.execute(select(delivery.c.id, delivery.c.status))}


def press(browser: httpx.Client, endpoint_id: str, do: str, delivery: str = "", **fields: str) -> httpx.Response:
    of = f"&delivery={delivery}" if delivery else ""
    return browser.post(f"/webhooks/{endpoint_id}?do={do}{of}", data=fields, headers=OURS)


def secret_in(answer: httpx.Response) -> str:
    return next((attrs["value"] for attrs in Page(answer).all("input") if attrs.get("id") == "f-secret"), "")


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_nobody_else_finds_the_webhooks(site: Site, role: Role) -> None:
    endpoint_id, browser = an_endpoint(site), a_browser(site, role)

    assert [browser.get(path).status_code for path in ("/webhooks", f"/webhooks/{endpoint_id}")] == [404, 404]
    assert browser.post("/webhooks", data=CRM, headers=OURS).status_code == 404
    assert press(browser, endpoint_id, "pause").status_code == 404


def test_an_auditor_looks_and_changes_nothing(site: Site) -> None:
    endpoint_id, browser = an_endpoint(site), a_browser(site, Role.AUDITOR)

    shown = [page(browser, path) for path in ("/webhooks", f"/webhooks/{endpoint_id}")]

    forms = [form for one in shown for form in one.all("form") if form.get("action", "").startswith("/webhooks")]
    assert [form["method"] for form in forms] == ["get"]
    assert press(browser, endpoint_id, "pause").status_code == 403
    assert browser.post("/webhooks", data=CRM, headers=OURS).status_code == 403
    assert stored(site, endpoint_id).status is EndpointStatus.ENABLED


def test_the_secret_of_a_new_endpoint_is_in_one_answer_that_is_not_kept(site: Site, admin: httpx.Client) -> None:
    answer = admin.post("/webhooks", data=CRM, headers=OURS)

    secret = secret_in(answer)
    with site.db() as db:
        made = db.execute(select(webhook_endpoint)).one()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert secret.startswith("whsec_")
    assert (made.name, made.acts) == ("CRM", ["seat.*", "session.booked"])
    assert all(secret not in admin.get(path).text for path in ("/webhooks", f"/webhooks/{made.id}"))


def test_of_a_chat_only_the_host_is_shown_and_no_secret(site: Site, admin: httpx.Client) -> None:
    chat = {"name": "Floor", "url": CHAT_URL, "format": "slack", "acts": ""}

    answer = admin.post("/webhooks", data=chat, headers=OURS)

    with site.db() as db:
        made = db.execute(select(webhook_endpoint.c.id)).scalar_one()
    shown = [answer.text, *(page(admin, path).answer.text for path in ("/webhooks", f"/webhooks/{made}"))]
    assert secret_in(answer) == ""
    assert all("hooks.slack.example" in text and "canary" not in text for text in shown)


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": ""}, "name", "Say what it is"),
        ({"url": "http://10.0.0.7/hooks"}, "url", "EARSHOT_OUTBOUND_ALLOW"),
        ({"url": "no address"}, "url", ""),
        ({"acts": "seat.*, seat.boked"}, "acts", "“seat.boked” is not published; near it: seat.booked"),
        ({"format": "carrier pigeon"}, "format", "Choose one of these."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays(
    site: Site, admin: httpx.Client, changed: dict[str, str], field: str, said: str
) -> None:
    answer = admin.post("/webhooks", data=CRM | changed, headers=OURS)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (422, [])
    assert f"#f-{field}" in [link.get("href") for link in shown.all("a")]
    assert said in shown.text
    assert {**CRM, **changed}["name"] in [attrs.get("value") for attrs in shown.all("input")]
    with site.db() as db:
        assert db.execute(select(webhook_endpoint.c.id)).all() == []


def test_it_says_how_an_endpoint_does_and_why(site: Site, admin: httpx.Client) -> None:
    failing = an_endpoint(site, failures=3, failing_since=NOW, paused_until=NOW + timedelta(minutes=5))
    off = an_endpoint(site, status=EndpointStatus.DISABLED, disabled_because=DisabledBecause.GONE)
    for status in (DeliveryStatus.DELIVERED,) * 3 + (DeliveryStatus.FAILED,):
        a_delivery(site, failing, status)

    assert "It failed 3 times in a row, since 09:00. It rests until 09:05" in page(admin, f"/webhooks/{failing}").text
    assert "it is gone (410)" in page(admin, f"/webhooks/{off}").text
    assert "75 %" in page(admin, "/webhooks").text


def test_every_try_is_shown_with_what_came_back_and_without_a_signature(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)
    delivery_id = a_delivery(site, endpoint_id, DeliveryStatus.FAILED, 503, None)

    shown = page(admin, f"/webhooks/{endpoint_id}?delivery={delivery_id}")

    assert "Answered 503 after 231 ms" in shown.text
    assert "No answer after 231 ms: ConnectTimeout" in shown.text
    assert "<b>try later</b>" in shown.text
    assert "webhook-signature: v1,(not shown)" in shown.text


def test_a_delivery_to_another_endpoint_is_not_found_there(site: Site, admin: httpx.Client) -> None:
    one, other = an_endpoint(site), an_endpoint(site)
    delivery_id = a_delivery(site, other, DeliveryStatus.FAILED, 503)

    page(admin, f"/webhooks/{one}?delivery={delivery_id}", status=404)
    assert press(admin, one, "resend", delivery_id).status_code == 404
    assert statuses(site) == {delivery_id: DeliveryStatus.FAILED}


def test_one_is_sent_again_or_all_that_was_given_up(site: Site, admin: httpx.Client) -> None:
    endpoint_id, other = an_endpoint(site), an_endpoint(site)
    arrived = a_delivery(site, endpoint_id, DeliveryStatus.DELIVERED, 200)
    failed = [a_delivery(site, endpoint_id, DeliveryStatus.FAILED, 503) for _ in range(2)]
    elses = a_delivery(site, other, DeliveryStatus.FAILED, 503)

    one = press(admin, endpoint_id, "resend", arrived)
    after_one = statuses(site)
    press(admin, endpoint_id, "resend-failed")

    assert one.headers["location"] == f"/webhooks/{endpoint_id}?delivery={arrived}&said=resend"
    assert (after_one[arrived], after_one[failed[0]]) == (DeliveryStatus.WAITING, DeliveryStatus.FAILED)
    assert [statuses(site)[one] for one in failed] == [DeliveryStatus.WAITING] * 2
    assert statuses(site)[elses] is DeliveryStatus.FAILED


def test_it_is_tried_paused_and_resumed(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)

    tried = press(admin, endpoint_id, "test")
    press(admin, endpoint_id, "pause")
    refused = press(admin, endpoint_id, "test")
    paused = stored(site, endpoint_id)
    press(admin, endpoint_id, "resume")

    with site.db() as db:
        tests = db.execute(select(event.c.id).where(event.c.act == "webhook_endpoint.tested")).all()
    assert (tried.status_code, len(tests)) == (303, 1)
    assert (refused.status_code, "It is paused. Resume it first." in refused.text) == (409, True)
    assert paused.disabled_because is DisabledBecause.BY_HAND
    assert stored(site, endpoint_id).status is EndpointStatus.ENABLED


def test_a_secret_is_rotated_once_the_word_is_typed_and_shown_once(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)

    untyped = press(admin, endpoint_id, "rotate", rotate="yes")
    rotated = press(admin, endpoint_id, "rotate", rotate="rotate")

    assert (untyped.status_code, rotated.status_code) == (422, 200)
    assert secret_in(rotated).startswith("whsec_")
    assert secret_in(rotated) not in page(admin, f"/webhooks/{endpoint_id}").answer.text
    assert stored(site, endpoint_id).previous_secret_until == NOW + timedelta(hours=24)


def test_a_long_list_goes_on_and_keeps_its_filter(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)
    sent = [a_delivery(site, endpoint_id, DeliveryStatus.FAILED) for _ in range(26)]

    first = page(admin, f"/webhooks/{endpoint_id}?status=failed")
    onward = next(link["href"] for link in first.all("a") if link.get("rel") == "next")

    shown = first.answer.text + page(admin, onward).answer.text
    assert [one for one in sent if f"delivery={one}" not in shown] == []
    assert "status=failed" in onward


def a_change(**fields: str) -> dict[str, str]:
    """The form that changes an endpoint, as it stands."""
    told = {"name": "Warehouse", "url": CRM["url"], "format": "standard", "acts": "", "version": "1"}
    return told | fields


def test_an_endpoint_gets_another_name_address_and_acts(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)

    form = a_change(name="CRM", url="https://other.example/in", acts="seat.*, call.*")
    answer = press(admin, endpoint_id, "change", **form)

    made = stored(site, endpoint_id)
    assert answer.headers["location"] == f"/webhooks/{endpoint_id}?said=change"
    assert (made.name, made.acts) == ("CRM", ["seat.*", "call.*"])
    assert "https://other.example/in" in page(admin, f"/webhooks/{endpoint_id}").text


def test_the_address_of_a_chat_is_not_shown_and_stays_when_it_is_left_empty(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site, CHAT_URL, WebhookFormat.SLACK)
    before = stored(site, endpoint_id)

    shown = page(admin, f"/webhooks/{endpoint_id}").answer.text
    press(admin, endpoint_id, "change", **a_change(name="Floor", url="", format="slack"))

    after = stored(site, endpoint_id)
    assert "canary" not in shown
    assert (after.name, after.url) == ("Floor", before.url)


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": ""}, "name", "Say what it is"),
        ({"url": "http://10.0.0.7/hooks"}, "url", "EARSHOT_OUTBOUND_ALLOW"),
        ({"acts": "seat.*, seat.boked"}, "acts", "“seat.boked” is not published"),
        ({"format": "pigeon"}, "format", "Choose one of these."),
    ],
)
def test_a_change_that_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    site: Site, admin: httpx.Client, changed: dict[str, str], field: str, said: str
) -> None:
    endpoint_id = an_endpoint(site)

    answer = press(admin, endpoint_id, "change", **a_change(name="Typed") | changed)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (422, [])
    assert [link["href"] for link in shown.all("a") if link.get("href", "").startswith("#f-")] == [f"#f-{field}"]
    assert said in shown.text
    assert changed.get("name", "Typed") in [attrs.get("value") for attrs in shown.all("input")]
    assert stored(site, endpoint_id).version == 1


def test_the_format_does_not_change_while_something_waits_nor_what_somebody_changed_meanwhile(
    site: Site, admin: httpx.Client
) -> None:
    endpoint_id = an_endpoint(site)
    a_delivery(site, endpoint_id, DeliveryStatus.WAITING)

    waits = press(admin, endpoint_id, "change", **a_change(format="slack", url=CHAT_URL))
    stale = press(admin, endpoint_id, "change", **a_change(name="CRM", version="7"))

    assert (waits.status_code, "in the format of before" in waits.text) == (409, True)
    assert (stale.status_code, "Somebody changed it meanwhile." in stale.text) == (409, True)
    assert (stored(site, endpoint_id).name, stored(site, endpoint_id).format) == ("Warehouse", WebhookFormat.STANDARD)


def test_an_endpoint_is_deleted_once_the_word_is_typed(site: Site, admin: httpx.Client) -> None:
    endpoint_id = an_endpoint(site)

    untyped = press(admin, endpoint_id, "delete", delete="yes")
    deleted = press(admin, endpoint_id, "delete", delete="delete")

    assert (untyped.status_code, "Type delete here." in untyped.text) == (422, True)
    assert deleted.headers["location"] == "/webhooks?said=delete"
    assert "It is told of nothing any more" in page(admin, deleted.headers["location"]).text
    page(admin, f"/webhooks/{endpoint_id}", status=404)
