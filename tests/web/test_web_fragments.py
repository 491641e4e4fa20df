"""Parts of pages asked for alone, and the script that asks."""

import gzip
from pathlib import Path

import app.web
from app.vocabulary import Role
from app.web.html import fragment, page, render
from tests.factories import a_person
from tests.web.browsers import Site
from tests.web.page_reader import page as read

SCRIPT = Path(app.web.__file__).parent / "static" / "earshot.js"


def _diego(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Diego Salas", role=Role.ADMIN).id


def test_a_page_whose_part_is_asked_for_answers_with_that_alone(site: Site) -> None:
    browser = site.signed_in(_diego(site))

    whole, part = browser.get("/privacy"), browser.get("/privacy", headers={"X-Fragment": "main"})

    assert "<html" in whole.text
    assert "<html" not in part.text
    assert "<h1" in part.text
    assert part.text.removesuffix('<div id="said"></div>').strip() in whole.text
    assert whole.headers["vary"] == part.headers["vary"] == "X-Fragment"


def test_a_part_that_a_page_does_not_have_gets_the_whole_page(site: Site) -> None:
    browser = site.signed_in(_diego(site))

    for unknown in ("nowhere", "../base.html", "self", "", "<b>"):
        answer = browser.get("/privacy", headers={"X-Fragment": unknown})

        assert (answer.status_code, "<html" in answer.text) == (200, True), unknown


def test_a_refusal_is_a_whole_page_whatever_part_was_asked_for(site: Site) -> None:
    answer = site.signed_in(_diego(site)).get("/nowhere", headers={"X-Fragment": "floor"})

    assert answer.status_code == 404
    assert "<h1>" in answer.text


def test_a_part_of_one_request_is_no_part_of_the_next(site: Site) -> None:
    with fragment("title"):
        part = page("sign_in.html", who="M… O…").body
    after = page("sign_in.html", who="M… O…").body

    assert part == b"Sign in"
    assert bytes(after).decode() == render("sign_in.html", who="M… O…")


def test_a_page_loads_one_script_of_ours_and_may_run_no_other(site: Site) -> None:
    browser = site.signed_in(_diego(site))
    shown = read(browser, "/privacy")

    [script] = shown.all("script")
    answer = browser.get(script["src"])

    assert script == {"type": "module", "src": script["src"]}
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    policy = shown.answer.headers["content-security-policy"]
    assert "require-trusted-types-for 'script'; trusted-types frag" in policy
    assert "script-src 'self';" in policy


def test_the_script_is_small_and_reads_html_in_one_place() -> None:
    text = SCRIPT.read_text()

    assert len(gzip.compress(text.encode())) < 6_000
    assert text.count("parseFromString") == text.count("createPolicy") == 1
    for never in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "import(", "://"):
        assert never not in text, never
