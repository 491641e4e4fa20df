"""Changes of seats while mail takes a revision over: neither is lost, on both engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.config import Settings
from app.db import retrying, transaction
from app.models.tables import calendar_entry as entry
from app.models.tables import seat
from app.operations.calls import patch_call
from app.operations.entries import hand_to_mail, shown_anew
from app.operations.seats import release_seat
from app.queries.entries import Desk
from app.rules.access import SYSTEM
from app.vocabulary import Part
from tests.calls_and_seats import TEN, Scene, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS

HALF = timedelta(minutes=30)
DESK = Desk.of(Settings(_env_file=None))


@pytest.fixture
def scene(engine: Engine) -> Scene:
    """Three observers sit in on one call, and nothing is mailed yet."""
    with transaction(engine, writes=True) as db:
        made = a_scene(db)
        for name in ("Aisha", "Jo", "Tom"):
            a_seat(db, made.call_id, a_person(db, name))
    return made


def move(engine: Engine, scene: Scene, by: timedelta = HALF) -> None:
    def once() -> None:
        with transaction(engine, writes=True) as db:
            changes = {"starts_at": TEN + by, "ends_at": TEN + by + HALF}
            patch_call(db, call_id=scene.call_id, changes=changes, actor=SYSTEM, now=NOW)

    retrying(once)


def release(engine: Engine, scene: Scene) -> None:
    with transaction(engine, writes=True) as db:
        seat_id = db.execute(select(seat.c.id).where(seat.c.seat_no == 1)).scalar_one()
        release_seat(db, seat_id=seat_id, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("part", [Part.OBSERVER, Part.HOST])
@pytest.mark.parametrize("change", [move, release])
def test_a_change_waits_while_mail_takes_the_revision_and_becomes_the_next(
    engine: Engine, scene: Scene, part: Part, change: Any
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine, writes=True) as db:
            first = select(seat.c.session_id).where(seat.c.seat_no == 1).scalar_subquery()
            which = entry.c.session_id == first if part is Part.OBSERVER else entry.c.part == Part.HOST
            entry_id = db.execute(select(entry.c.id).where(which)).scalar_one()
            letter = hand_to_mail(db, entry_id=entry_id, desk=DESK)
            assert letter is not None
            changing = pool.submit(change, engine, scene)
            with pytest.raises(TimeoutError):
                changing.result(0.3)
        changing.result(PATIENCE_SECONDS)

    with transaction(engine, writes=False) as db:
        after = db.execute(select(entry).where(entry.c.id == entry_id)).one()
    sent = letter.drawn.entry.sequence
    assert (after.mailing_sequence, after.sequence) == (sent, sent + 1)


def test_moves_and_new_names_at_once_never_wait_for_each_other(engine: Engine, scene: Scene) -> None:
    def rename(number: int) -> None:
        with transaction(engine, writes=True) as db:  # not retried: a deadlock would fail the test
            shown_anew(db, "person", scene.host.id, ["name"], now=NOW + timedelta(seconds=number))

    def moved(number: int) -> None:
        with transaction(engine, writes=True) as db:
            changes = {"starts_at": TEN + number * HALF, "ends_at": TEN + (number + 1) * HALF}
            patch_call(db, call_id=scene.call_id, changes=changes, actor=SYSTEM, now=NOW)

    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 9):
            for done in [pool.submit(work, number) for work in (rename, moved, rename, rename)]:
                done.result(PATIENCE_SECONDS)
