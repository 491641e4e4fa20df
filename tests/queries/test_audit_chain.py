"""Seals over what happened, and everything that somebody could do to it afterwards: S15."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, text, update

from app.db import DbSession, transaction
from app.models.tables import audit_seal, event, event_detail
from app.operations import sealing
from app.operations.events import tell
from app.operations.sealing import give_up_seal, seal_some
from app.queries.audit_chain import Checked, check, newest_seals
from app.rules.access import SYSTEM
from tests.harness import NOW
from tests.tampering import take_the_guards_off

MINUTE = timedelta(minutes=1)
MUCH_LATER = NOW + timedelta(days=366)
FIRST = 1
"""Events that the first start tells."""


def happens(db: DbSession, *object_ids: str) -> None:
    for object_id in object_ids:
        tell(db, "skill.changed", object_id, version=1, actor=SYSTEM, now=NOW, detail={"name": "before"})


@pytest.fixture
def sealed(engine: Engine) -> Engine:
    """Four seals: over what the first start told, three events, two and two. One more event waits."""
    with transaction(engine, writes=True) as db:
        seal_some(db, now=NOW - MINUTE)
    for number, names in enumerate((("a", "b", "c"), ("d", "e"), ("f", "g"))):
        with transaction(engine, writes=True) as db:
            happens(db, *names)
            assert seal_some(db, now=NOW + number * MINUTE) == len(names)
    with transaction(engine, writes=True) as db:
        happens(db, "h")
    return engine


def checked(engine: Engine, since: tuple[int, str] | None = None) -> Checked:
    with transaction(engine, writes=False) as db:
        return check(db, since=since, now=MUCH_LATER)


def place(engine: Engine, object_id: str) -> Any:
    with transaction(engine, writes=False) as db:
        return db.execute(select(event).where(event.c.object_id == object_id)).one()


def test_everything_holds_that_was_left_alone(sealed: Engine) -> None:
    found = checked(sealed)

    assert (found.number, found.events - FIRST, found.unsealed, found.given_up, found.broken) == (4, 7, 1, 0, None)


def test_an_installation_where_nothing_happened_holds(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        take_the_guards_off(db)
        db.execute(delete(event))

    found = checked(engine)

    assert (found.number, found.events, found.unsealed, found.broken) == (0, 0, 0, None)


def of(object_id: str) -> Any:
    return event.c.object_id == object_id


SWAPPED = text(
    "UPDATE event SET object_id = CASE object_id WHEN 'd' THEN 'e' ELSE 'd' END WHERE object_id IN ('d', 'e')"
)


@pytest.mark.parametrize(
    ("harm", "holds", "said"),
    [
        *(
            ((update(event).where(of("d")).values({name: value}),), 2, "Seal 3")
            for name, value in (
                ("at", NOW + MINUTE),
                ("actor", "per_other"),
                ("on_behalf_of_id", "per_other"),
                ("credential_id", "key_other"),
                ("act", "skill.created"),
                ("object_type", "person"),
                ("object_id", "other"),
                ("version", 2),
                ("id", "evt_other"),
                ("sequence", 1_000_000),
            )
        ),
        ((delete(event).where(of("b")),), 1, "1 of them are gone"),
        ((delete(event).where(event.c.seal == 3),), 2, "2 of them are gone"),
        ((SWAPPED,), 2, "Seal 3"),
        ((update(event).where(of("h")).values(seal=3),), 2, "1 more are under it"),
        ((update(event).where(of("h")).values(seal=9),), 4, "under seal 9, and there is none"),
        ((update(event).where(of("e")).values(seal=None),), 2, "1 of them are gone"),
        ((update(event).where(of("e")).values(seal=4),), 2, "1 of them are gone"),
        ((update(audit_seal).where(audit_seal.c.number == 2).values(digest="0" * 64),), 1, "Seal 2"),
        ((update(audit_seal).where(audit_seal.c.number == 2).values(sealed_at=NOW - MINUTE),), 1, "Seal 2"),
        ((delete(audit_seal).where(audit_seal.c.number == 3),), 2, "Seal 3 is missing"),
        ((delete(audit_seal).where(audit_seal.c.number == 2),), 1, "Seal 2 is missing"),
        ((update(audit_seal).where(audit_seal.c.number == 3).values(purged_at=NOW),), 2, "Seal 3 says"),
        ((update(audit_seal).where(audit_seal.c.number == 2).values(purged_at=NOW),), 1, "Seal 2 says"),
    ],
)
def test_what_was_done_to_it_is_found_and_where(sealed: Engine, harm: tuple[Any, ...], holds: int, said: str) -> None:
    with transaction(sealed, writes=True) as db:
        take_the_guards_off(db)
        for statement in harm:
            db.execute(statement)

    found = checked(sealed)

    assert said in (found.broken or "")
    assert found.number == holds


def a_chain_anew(db: DbSession) -> None:
    db.execute(update(event).where(of("a")).values(actor="per_other"))
    db.execute(update(event).values(seal=None))
    db.execute(delete(audit_seal))
    seal_some(db, now=NOW)


def no_newest_seals(db: DbSession) -> None:
    db.execute(delete(event).where(event.c.seal > 2))
    db.execute(delete(audit_seal).where(audit_seal.c.number > 2))


@pytest.mark.parametrize(("harm", "said"), [(a_chain_anew, "missing"), (no_newest_seals, "missing")])
def test_what_only_a_digest_kept_elsewhere_finds(sealed: Engine, harm: Callable[[DbSession], None], said: str) -> None:
    before = checked(sealed)
    with transaction(sealed, writes=True) as db:
        take_the_guards_off(db)
        harm(db)

    assert checked(sealed).broken is None
    assert said in (checked(sealed, (before.number, before.digest)).broken or "")


def test_a_seal_that_is_another_one_than_it_was_is_no_place_to_begin(sealed: Engine) -> None:
    assert "another one" in (checked(sealed, (3, "f" * 64)).broken or "")


def test_one_begins_after_a_seal_that_is_known(sealed: Engine) -> None:
    with transaction(sealed, writes=False) as db:
        since = newest_seals(db, 1)

    found = checked(sealed, since)

    assert since is not None
    assert (since[0], found.number, found.events, found.broken) == (3, 4, 2, None)


def test_more_than_one_seal_takes_comes_under_several(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 2)
    with transaction(engine, writes=True) as db:
        happens(db, "a", "b", "c")
        while seal_some(db, now=NOW):
            pass

    found = checked(engine)

    assert (found.unsealed, found.broken) == (0, None)
    assert found.number >= 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # the other has one writer at a time
def test_an_event_that_commits_late_comes_under_a_later_seal(engine: Engine) -> None:
    with transaction(engine, writes=True) as late:
        happens(late, "late")
        late.flush()
        with transaction(engine, writes=True) as db:
            happens(db, "quick")
            seal_some(db, now=NOW)
    with transaction(engine, writes=True) as db:
        seal_some(db, now=NOW + MINUTE)

    late_one, quick = place(engine, "late"), place(engine, "quick")

    assert late_one.sequence < quick.sequence
    assert late_one.seal == quick.seal + 1
    assert checked(engine).broken is None


def test_the_oldest_seals_are_given_up_whole_and_the_chain_after_them_holds(sealed: Engine) -> None:
    with transaction(sealed, writes=True) as db:
        assert give_up_seal(db, before=NOW + MINUTE, now=NOW + 9 * MINUTE) == FIRST
        assert give_up_seal(db, before=NOW + MINUTE, now=NOW + 9 * MINUTE) == 3
        assert give_up_seal(db, before=NOW + MINUTE, now=NOW + 9 * MINUTE) == 0

    found = checked(sealed)
    assert (found.number, found.events, found.given_up, found.broken) == (4, 4, 2, None)
    with transaction(sealed, writes=False) as db:
        kept = set(db.execute(select(event.c.object_id)).scalars())
        details = db.execute(select(event_detail.c.event_id)).all()
    assert kept >= {"d", "e", "f", "g", "h"}
    assert not kept & {"a", "b", "c"}
    assert len(details) == 5


def test_what_was_given_up_sooner_than_any_house_may_was_not_given_up_by_us(sealed: Engine) -> None:
    with transaction(sealed, writes=True) as db:
        while give_up_seal(db, before=MUCH_LATER, now=MUCH_LATER):
            pass  # as somebody does who has the database, and without taking a guard off

    with transaction(sealed, writes=False) as db:
        early, late = check(db, now=NOW + timedelta(days=364)), check(db, now=MUCH_LATER)

    assert "sooner than any house may" in (early.broken or "")
    assert (late.number, late.given_up, late.broken) == (4, 4, None)


def test_a_digest_that_was_changed_of_a_seal_given_up_is_found(sealed: Engine) -> None:
    with transaction(sealed, writes=True) as db:
        give_up_seal(db, before=NOW + MINUTE, now=NOW + 9 * MINUTE)
        take_the_guards_off(db)
        db.execute(update(audit_seal).where(audit_seal.c.number == 1).values(digest="0" * 64))

    assert "Seal 2" in (checked(sealed).broken or "")


def test_what_waits_for_its_seal_is_not_given_up(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        happens(db, "a")

        assert give_up_seal(db, before=NOW + MINUTE, now=NOW + MINUTE) == 0
