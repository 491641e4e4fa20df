"""Where pages lead: never to another site for whoever asks, and outside only to the web."""

from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.places import outside_place, own_place, sign_in_for
from tests.factories import a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page

ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/x//evil.example",
    "/x\r\nSet-Cookie: sid=x",
    "javascript:alert(1)",
    "/%2f/evil.example",
    "/@evil.example",
    "evil.example",
    " /s/x",
    "/s/x#y",
    "/ſ",
    "/" + "x" * 500,
    "",
]


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_nobody_is_sent_elsewhere(asked: str) -> None:
    assert own_place(asked) == "/"


@pytest.mark.parametrize("asked", ["/", "/s/ses_1", "/calls/call_1", "/?week=2026-W48", "/docs"])
def test_our_own_places_are_kept(asked: str) -> None:
    assert own_place(asked) == asked


@given(st.text(st.sampled_from("/\\.:?#@%&=;\t\r\n aé-_~0"), max_size=12) | st.text(max_size=30))
def test_whatever_is_asked_for_a_browser_stays_here(asked: str) -> None:
    here = "https://earshot.example/login"

    place = own_place(asked)

    assert urlsplit(urljoin(here, place)).netloc == "earshot.example"
    assert place.startswith("/")
    assert not set(place) & set("\\\r\n\t #")
    assert "//" not in place


@given(st.text(max_size=40), st.binary(max_size=40))
def test_the_way_to_sign_in_and_back_holds_any_address(path: str, query: bytes) -> None:
    found = urlsplit(sign_in_for("GET", "/" + path, query))

    assert found.path == "/login"
    assert own_place(parse_qs(found.query).get("next", ["/"])[0]).startswith("/")


def test_a_form_is_never_repeated_by_signing_in() -> None:
    assert sign_in_for("POST", "/calls/call_1", b"do=take") == "/login?next=/calls/call_1"
    assert sign_in_for("GET", "/", b"week=2026-W48") == "/login?next=/%3Fweek%3D2026-W48"
    assert sign_in_for("GET", "/", b"") == "/login"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https:", "tel:+1", "http://[", "x", "", None]
)
def test_only_addresses_of_the_web_are_linked(url: str | None) -> None:
    assert outside_place(url) is None


def test_meeting_links_of_the_web_are_kept_as_they_are() -> None:
    for url in ("https://meet.earshot.example/a?pwd=1#x", "http://meet.earshot.example"):
        assert outside_place(url) == url


def test_signing_in_goes_on_to_the_page_that_was_asked_for_once(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
    browser = site.browser()

    sent = browser.get("/week?d=2026-W50").headers["location"]
    shown = page(browser, sent)
    first = browser.post(site.link(me), headers=OURS)
    again = browser.post(site.link(me), headers=OURS)

    assert sent == "/login?next=/week%3Fd%3D2026-W50"
    assert "Then you go on to the page that you asked for." in shown.text
    assert (first.status_code, first.headers["location"]) == (303, "/week?d=2026-W50")
    assert again.headers["location"] == "/"


@pytest.mark.parametrize("asked", ELSEWHERE[:12])
def test_signing_in_leads_to_no_other_site(site: Site, asked: str) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
    asking, forging = site.browser(), site.browser()
    forging.cookies.set("next", quote(asked, safe="/\\:@"))

    asking.get("/login", params={"next": asked})
    answers = [browser.post(site.link(me), headers=OURS) for browser in (asking, forging)]

    assert answers[0].headers["location"] == "/"
    assert urlsplit(urljoin(site.api.url, answers[1].headers["location"])).netloc == urlsplit(site.api.url).netloc


def test_asking_for_another_page_forgets_the_one_before(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
    browser = site.browser()
    browser.get("/login?next=/docs")

    browser.get("/login")

    assert browser.post(site.link(me), headers=OURS).headers["location"] == "/"


def test_what_keeps_the_place_is_kept_from_scripts(site: Site) -> None:
    name, *flags = site.browser().get("/login?next=/docs").headers["set-cookie"].split("; ")

    assert name.startswith("next=")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=3600"} == set(flags)
