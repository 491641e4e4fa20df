"""Where one is signed in, ending it, and acting on somebody's behalf in a browser."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app import credentials
from app.models.tables import browser_session, event
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from app.vocabulary import Role
from app.web.devices import device
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ada(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Ada Admin", role=Role.ADMIN).id


@pytest.fixture
def ana(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Ana Rep", email="ana@earshot.example").id


def sessions(site: Site) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(browser_session).order_by(browser_session.c.id)).all())


def session_of(site: Site, browser: httpx.Client) -> Any:
    mine = browser_session.c.digest == credentials.digest(browser.cookies["sid"])
    with site.db() as db:
        return db.execute(select(browser_session).where(mine)).one()


def acts(site: Site, act: str) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(event).where(event.c.act == act).order_by(event.c.sequence)).all())


def test_devices_are_shown_in_words_with_this_one_marked(site: Site, ana: str) -> None:
    site.signed_in(ana)
    browser = site.browser()
    browser.headers["User-Agent"] = FIREFOX
    browser.post(site.link(ana), headers=OURS)

    shown = page(browser, "/me/security")

    assert "Firefox on Linux This one Signed in" in shown.text
    assert "from 127.0.0.1" in shown.text
    assert shown.text.count("Last used:") == 2
    assert "Act for them" not in shown.text


def test_one_and_all_others_are_signed_out_and_this_one_stays(site: Site, ana: str) -> None:
    others, browser = [site.signed_in(ana) for _ in range(3)], site.signed_in(ana)
    first = session_of(site, others[0]).id

    one = browser.post("/me/security/sign-out", data={"session": first}, headers=OURS)
    after_one = [other.get("/").status_code for other in others]
    rest = browser.post("/me/security/sign-out", headers=OURS)

    assert (one.status_code, rest.status_code) == (303, 303)
    assert after_one == [303, 200, 200]
    assert [other.get("/").status_code for other in others] == [303, 303, 303]
    assert browser.get("/").status_code == 200
    assert [session_of(site, one).ended_at for one in (*others, browser)] == [NOW, NOW, NOW, None]
    assert len(acts(site, "browser_session.ended")) == 3


def test_nobody_ends_somebody_elses_session_by_its_id(site: Site, ana: str, ada: str) -> None:
    hers, browser = site.signed_in(ana), site.signed_in(ada)

    answer = browser.post("/me/security/sign-out", data={"session": session_of(site, hers).id}, headers=OURS)

    assert answer.status_code == 404
    assert hers.get("/").status_code == 200


def test_a_session_that_somebody_ended_leaves_a_line_when_it_is_shown_again_and_its_cookie_goes(
    site: Site, ana: str
) -> None:
    stolen, browser = site.signed_in(ana), site.signed_in(ana)
    browser.post("/me/security/sign-out", headers=OURS)

    answer = stolen.get("/")
    stolen.get("/login")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert site.refusals() == ["signed_out"]
    assert "sid" not in stolen.cookies


def test_an_admin_acts_for_a_rep_with_a_banner_on_every_page_until_they_stop(site: Site, ada: str, ana: str) -> None:
    browser = site.signed_in(ada)

    begun = browser.post("/act-for", data={"email": "Ana@earshot.example"}, headers=OURS)
    shown = [page(browser, path).text for path in ("/", "/docs")]
    stopped = browser.post("/act-for/stop", headers=OURS)

    assert (begun.status_code, stopped.status_code) == (303, 303)
    assert all("You act for Ana Rep." in text for text in shown)
    assert "You act for" not in page(browser, "/").text
    (begin,), (end,) = acts(site, "person.acting_begun"), acts(site, "person.acting_ended")
    assert (begin.actor, begin.on_behalf_of_id, begin.object_id) == (ada, None, ana)
    assert (end.actor, end.on_behalf_of_id, end.credential_id) == (ada, ana, sessions(site)[0].id)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_nobody_acts_for_who_sees_everything(site: Site, ada: str, role: Role) -> None:
    with site.db() as db:
        other = a_person(db, "Otto Other", role=role).id
    browser = site.signed_in(ada)

    answers = [browser.post(f"/act-for/{who}", headers=OURS) for who in (other, ada, "per_nobody")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert site.refusals() == ["cannot_act_for"] * 3
    assert sessions(site)[0].acts_for_id is None


def test_who_acts_for_somebody_acts_for_no_third_one_and_sees_no_sign_ins(site: Site, ada: str, ana: str) -> None:
    with site.db() as db:
        ben = a_person(db, "Ben").id
    browser = site.signed_in(ada)
    browser.post(f"/act-for/{ana}", headers=OURS)

    answers = [
        browser.post(f"/act-for/{ben}", headers=OURS),
        browser.get("/me/security"),
        browser.post("/me/security/sign-out", headers=OURS),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


def test_a_rep_acts_for_nobody(site: Site, ana: str, ada: str) -> None:
    with site.db() as db:
        ben = a_person(db, "Ben").id
    browser = site.signed_in(ana)

    assert browser.post(f"/act-for/{ben}", headers=OURS).status_code == 403


@pytest.mark.parametrize("changes", [{"status": "left"}, {"role": Role.ADMIN}])
def test_acting_for_somebody_is_over_when_nobody_may_any_more(
    site: Site, ada: str, ana: str, changes: dict[str, Any]
) -> None:
    browser = site.signed_in(ada)
    browser.post(f"/act-for/{ana}", headers=OURS)
    with site.db() as db:
        patch_person(db, person_id=ana, changes=changes, actor=SYSTEM, now=NOW)

    shown = page(browser, "/")

    assert "You act for" not in shown.text
    assert "Ada Admin" in shown.text


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 Version/17 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/141.0 Mobile Safari/604", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36", "Chrome on Android"),
        ("<script>alert(1)</script>\r\nX: y", "A browser"),
        ("x" * 100_000 + "Firefox/1", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_device_is_said_in_words_of_ours(user_agent: str, said: str) -> None:
    assert device(user_agent) == said
