"""Everybody who is signed in can read what they are told about being listened to, and have what is kept about them."""

from sqlalchemy import update

from app.models.tables import installation
from app.vocabulary import Role
from tests.factories import a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page


def test_the_notice_and_the_switch_are_there_to_read(site: Site) -> None:
    with site.db() as db:
        ana = a_person(db, "Ana").id
    mine = site.signed_in(ana)

    ours = page(mine, "/privacy")
    with site.db() as db:
        words = {"monitoring_notice": "We listen.\n\nAsk <b>Ada</b>.", "person_insights": False}
        db.execute(update(installation).values(**words))
    theirs = page(mine, "/privacy")

    assert "nobody listens unseen" in ours.text
    assert "Ask <b>Ada</b>." in theirs.text
    assert "switched off here" in theirs.text


def test_everybody_has_what_is_kept_about_them_as_a_file(site: Site) -> None:
    with site.db() as db:
        ana, ben = a_person(db, "Ana").id, a_person(db, "Ben").id
    mine = site.signed_in(ana)

    answer = mine.get("/privacy/mine")

    assert answer.headers["content-disposition"] == 'attachment; filename="earshot.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["person_id"] == ana
    assert answer.json()["tables"]["person"][0]["name"] == "Ana"
    assert ben not in answer.text


def test_who_acts_on_somebodys_behalf_does_not_have_their_file(site: Site) -> None:
    with site.db() as db:
        ana, ada = a_person(db, "Ana").id, a_person(db, "Ada", role=Role.ADMIN).id
    browser = site.signed_in(ada)
    browser.post(f"/act-for/{ana}", headers=OURS)

    shown, refused = page(browser, "/privacy"), browser.get("/privacy/mine")

    assert "Download" not in shown.text
    assert refused.status_code == 403
    assert "per_" not in refused.text
