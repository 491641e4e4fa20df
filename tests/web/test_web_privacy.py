"""Everybody who is signed in can read what they are told about being listened to."""

from sqlalchemy import update

from app.models.tables import installation
from tests.factories import a_person
from tests.web.browsers import Site
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
