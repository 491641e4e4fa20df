"""Matches that are asked for: who may ask whom, whose yes is missing, and what becomes of a no or of silence."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, transaction, written
from app.errors import Forbidden, Invalid, NotFound, Problem, Stale
from app.models.tables import event, job, match
from app.operations import match_requests, matches
from app.operations.availability import create_pause
from app.operations.enrollments import enroll, set_capacity
from app.operations.match_requests import (
    AlreadyMatched,
    AskedTooSoon,
    NotAwaited,
    NotPending,
    PairBlocked,
    RequestsClosed,
    approve_match,
    ask_for_match,
    decline_match,
    withdraw_match,
)
from app.operations.match_settings import NotEnrolled
from app.operations.pair_rules import put_pair_rule
from app.operations.people import patch_person
from app.operations.preferences import set_preferences
from app.operations.programs import patch_program
from app.queries import runs
from app.rules.access import SYSTEM, Actor
from app.vocabulary import (
    Approver,
    EndedBecause,
    MatchApproval,
    MatchStatus,
    PairRuleKind,
    PersonStatus,
    Role,
    Side,
)
from tests.acts_that_are_told import by
from tests.factories import a_person
from tests.harness import NOW
from tests.operations.test_publishing import a_match_draft, publish
from tests.pools import a_mentee, a_mentor

DAY = timedelta(days=1)


def the_program(db: DbSession) -> str:
    found: str = runs.program_for_run(db, None).id
    return found


def settings(db: DbSession, **changes: Any) -> None:
    patch_program(db, program_id=the_program(db), changes=changes, actor=SYSTEM, now=NOW)


def ask(db: DbSession, mentee: Any, mentor: Any, *, actor: Actor | None = None, **given: Any) -> Any:
    usual: dict[str, Any] = {"mentee_id": mentee.id, "program_id": None, "now": NOW}
    return ask_for_match(db, mentor_id=mentor.id, actor=actor or by(mentee), **{**usual, **given})


def an_admin(db: DbSession) -> Actor:
    ada = a_person(db, "Ada", role=Role.ADMIN)
    return Actor("key_ada", Role.ADMIN, ada.id)


def acts(db: DbSession, match_id: str) -> list[tuple[str, int]]:
    rows = db.execute(
        select(event.c.act, event.c.version).where(event.c.object_id == match_id).order_by(event.c.sequence)
    )
    return [(row.act, row.version) for row in rows]


def rematches(db: DbSession) -> int:
    return int(db.execute(select(func.count()).select_from(job).where(job.c.kind == "rematch")).scalar_one())


def test_a_mentee_asks_a_mentor_who_says_yes(db: DbSession) -> None:
    mentee, mentor = a_mentee(db, "Jo"), a_mentor(db, "Mara")

    asked = ask(db, mentee, mentor, mentee_id=None)
    begun = approve_match(db, match_id=asked.id, actor=by(mentor), now=NOW + DAY)

    assert (asked.status, asked.awaiting, asked.asked_by_id) == (MatchStatus.PENDING, ["mentor"], mentee.id)
    assert (asked.asked_at, asked.started_at) == (NOW, None)
    assert (begun.status, begun.awaiting, begun.started_at) == (MatchStatus.ACTIVE, [], NOW + DAY)
    assert acts(db, asked.id) == [("match.requested", 1), ("match.started", 2)]
    assert approve_match(db, match_id=asked.id, actor=by(mentor), now=NOW + 2 * DAY).version == begun.version


def test_nobody_asks_for_somebody_else_nor_without_being_somebody(db: DbSession) -> None:
    jo, tom, mara = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara")

    with pytest.raises(Forbidden):
        ask(db, jo, mara, actor=by(tom))
    with pytest.raises(Forbidden):
        ask(db, jo, mara, actor=by(mara))
    with pytest.raises(Invalid) as why:
        ask(db, jo, mara, actor=SYSTEM, mentee_id=None)
    assert why.value.faults[0].pointer == "/mentee_id"
    with pytest.raises(NotFound):
        ask(db, jo, mara, program_id="prg_none")


def test_a_program_that_takes_no_requests_leaves_matching_to_admins(db: DbSession) -> None:
    mentee, mentor = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, requests_open=False)

    with pytest.raises(RequestsClosed):
        ask(db, mentee, mentor)

    assert ask(db, mentee, mentor, actor=an_admin(db)).status is MatchStatus.ACTIVE


@pytest.mark.parametrize(
    ("approval", "proposed"), [("none", []), ("mentor", ["mentor"]), ("both", ["mentor", "mentee"]), ("admin", [])]
)
def test_what_an_admin_proposes_waits_for_whom_the_program_wants_to_ask(
    db: DbSession, approval: str, proposed: list[str]
) -> None:
    mentee, mentor = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, approval=MatchApproval(approval))

    made = ask(db, mentee, mentor, actor=SYSTEM)

    assert (made.awaiting, made.asked_by_id) == (proposed, None)
    assert made.status is (MatchStatus.PENDING if proposed else MatchStatus.ACTIVE)


def test_whoever_is_not_there_or_away_can_neither_ask_nor_be_asked(db: DbSession) -> None:
    jo, mara, kai = a_mentee(db, "Jo"), a_mentor(db, "Mara"), a_mentor(db, "Kai")
    stranger, resting = a_person(db, "Eve"), a_mentor(db, "Rest")
    patch_person(db, person_id=kai.id, changes={"status": PersonStatus.ON_LEAVE}, actor=SYSTEM, now=NOW)
    create_pause(
        db, person_id=resting.id, starts_on=date(2026, 11, 20), ends_on=date(2026, 11, 30), actor=SYSTEM, now=NOW
    )

    for mentor in (stranger, jo, kai, resting):
        with pytest.raises(NotEnrolled) as why:
            ask(db, jo, mentor)
        assert why.value.faults[0].pointer == "/mentor_id"
    with pytest.raises(NotEnrolled) as who:
        ask(db, stranger, mara)
    assert who.value.faults[0].pointer == "/mentee_id"


def test_what_forbids_a_pair_in_a_run_forbids_it_here_by_the_same_name(db: DbSession) -> None:
    jo = a_mentee(db, "Jo", grade=3)
    boss, far, senior, no, full = (
        a_mentor(db, name, **fields)
        for name, fields in (
            ("Boss", {}),
            ("Far", {"time_zone": "Australia/Sydney"}),
            ("Senior", {"grade": 12}),
            ("No", {}),
            ("Full", {"capacity": 0}),
        )
    )
    enroll(db, program_id=the_program(db), person_id=jo.id, side=Side.MENTOR, capacity=1, actor=SYSTEM, now=NOW)
    patch_person(db, person_id=jo.id, changes={"manager_id": boss.id}, actor=SYSTEM, now=NOW)
    settings(db, constraints={"max_grade_gap": 5})
    rule: dict[str, Any] = {"mentee_id": jo.id, "mentor_id": no.id, "kind": PairRuleKind.FORBIDDEN}
    put_pair_rule(db, program_id=the_program(db), **rule, actor=SYSTEM, now=NOW)

    for mentor, constraint in (
        (jo, "self"),
        (boss, "reporting_line"),
        (far, "no_shared_hours"),
        (senior, "grade_gap"),
        (no, "forbidden_pair"),
        (full, "no_capacity"),
    ):
        with pytest.raises(PairBlocked) as why:
            ask(db, jo, mentor)
        assert why.value.extra == {"constraint": constraint, "mentee_id": jo.id, "mentor_id": mentor.id}


def test_where_nobody_is_had_twice_a_mentor_who_said_no_may_be_asked_again_and_one_who_was_had_may_not(
    db: DbSession,
) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, constraints={"never_repeat": True})
    decline_match(db, match_id=ask(db, jo, mara).id, actor=by(mara), now=NOW)

    later: dict[str, Any] = {"now": NOW + 30 * DAY}
    again = ask(db, jo, mara, **later)
    begun = approve_match(db, match_id=again.id, actor=by(mara), **later)
    matches.end_matches(db, [begun], because=EndedBecause.BY_HAND, actor=SYSTEM, **later)

    with pytest.raises(PairBlocked) as why:
        ask(db, jo, mara, **later)
    assert why.value.extra["constraint"] == "never_repeat"


def test_nobody_has_to_say_no_twice_within_a_month_but_an_admin_may_propose_it(db: DbSession) -> None:
    jo, tom, mara, kai = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara"), a_mentor(db, "Kai")
    decline_match(db, match_id=ask(db, jo, mara).id, actor=by(mara), now=NOW + DAY)
    soon = NOW + 31 * DAY - timedelta(seconds=1)

    with pytest.raises(AskedTooSoon) as why:
        ask(db, jo, mara, now=soon)
    others = [ask(db, jo, kai, now=soon), ask(db, tom, mara, now=soon)]
    for one in others:
        withdraw_match(db, match_id=one.id, actor=SYSTEM, now=soon)
    proposed = ask(db, jo, mara, actor=SYSTEM, now=soon)
    matches.end_matches(db, [proposed], because=EndedBecause.BY_HAND, actor=SYSTEM, now=soon)

    assert why.value.extra == {"not_before": NOW + 31 * DAY}
    assert [one.status for one in others] == [MatchStatus.PENDING] * 2
    assert proposed.status is MatchStatus.ACTIVE
    assert ask(db, jo, mara, now=NOW + 31 * DAY).status is MatchStatus.PENDING


@pytest.mark.parametrize("closing", ["withdrawn", "expired", "by_mentee"])
def test_what_was_no_no_of_the_other_side_may_be_asked_for_again_at_once(db: DbSession, closing: str) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, approval=MatchApproval.BOTH)
    now = NOW + 14 * DAY
    if closing == "withdrawn":
        withdraw_match(db, match_id=ask(db, jo, mara).id, actor=by(jo), now=now)
    elif closing == "expired":
        ask(db, jo, mara)
        assert match_requests.expire_matches(db, now=now) == 1
    else:
        decline_match(db, match_id=ask(db, jo, mara, actor=SYSTEM).id, actor=by(jo), now=now)

    assert ask(db, jo, mara, now=now).status is MatchStatus.PENDING


def test_a_match_that_is_asked_for_has_the_points_that_a_run_would_give_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        jo, mara = a_mentee(db, "Jo", languages=["en", "de"]), a_mentor(db, "Mara", languages=["en"])
        settings(db, weights={"fresh": 777})
        wish: dict[str, Any] = {"program_id": None, "side": Side.MENTEE, "preferred": [mara.id]}
        set_preferences(db, person_id=jo.id, **wish, actor=SYSTEM, now=NOW)
    run_id = a_match_draft(engine)

    with transaction(engine, writes=True) as db:
        asked = ask(db, jo, mara)
        (proposed,) = runs.proposed_matches(db, run_id)

    assert (asked.score, asked.terms) == (proposed.score, proposed.terms)
    assert asked.terms["fresh"] == 777
    assert asked.terms["affinity"] > 0
    assert asked.score == sum(asked.terms.values())


def test_a_mentee_has_one_match_at_a_time_in_a_program_and_a_request_is_one(db: DbSession) -> None:
    jo, mara, kai = a_mentee(db, "Jo"), a_mentor(db, "Mara"), a_mentor(db, "Kai")
    known = ask(db, jo, mara)

    with pytest.raises(AlreadyMatched) as why:
        ask(db, jo, kai)

    assert why.value.extra == {"match_id": known.id}
    withdraw_match(db, match_id=known.id, actor=by(jo), now=NOW)
    assert ask(db, jo, kai).status is MatchStatus.PENDING


def test_what_waits_for_a_yes_takes_a_place_of_those_who_ask_later(db: DbSession) -> None:
    jo, tom, mara = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara", capacity=1)
    first = ask(db, jo, mara)

    with pytest.raises(PairBlocked):
        ask(db, tom, mara)

    decline_match(db, match_id=first.id, actor=by(mara), now=NOW)
    assert ask(db, tom, mara).status is MatchStatus.PENDING


def test_everybody_says_their_own_yes_and_an_admin_another_s_by_name(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, approval=MatchApproval.BOTH)
    made = ask(db, jo, mara, actor=SYSTEM)

    with pytest.raises(Forbidden):
        approve_match(db, match_id=made.id, said_as=Approver.MENTOR, actor=by(jo), now=NOW)
    with pytest.raises(NotAwaited) as why:
        approve_match(db, match_id=made.id, actor=SYSTEM, now=NOW)
    with pytest.raises(NotFound):
        approve_match(db, match_id=made.id, actor=by(a_person(db, "Eve")), now=NOW)
    half = approve_match(db, match_id=made.id, actor=by(jo), now=NOW)
    whole = approve_match(db, match_id=made.id, said_as=Approver.MENTOR, actor=SYSTEM, now=NOW)

    assert why.value.extra == {"awaiting": ["mentor", "mentee"]}
    assert (half.status, half.awaiting) == (MatchStatus.PENDING, ["mentor"])
    assert (whole.status, whole.awaiting) == (MatchStatus.ACTIVE, [])
    assert acts(db, made.id) == [("match.requested", 1), ("match.approved", 2), ("match.started", 3)]


def test_an_admin_s_yes_does_not_say_the_mentor_s(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    settings(db, approval=MatchApproval.ADMIN)
    asked = ask(db, jo, mara)

    half = approve_match(db, match_id=asked.id, actor=an_admin(db), now=NOW)

    assert (asked.awaiting, half.awaiting) == (["mentor", "admin"], ["mentor"])
    assert approve_match(db, match_id=asked.id, actor=by(mara), now=NOW).status is MatchStatus.ACTIVE


def test_a_no_ends_it_for_both_and_the_place_is_for_somebody_else(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    asked, before = ask(db, jo, mara), rematches(db)

    with pytest.raises(Forbidden):
        decline_match(db, match_id=asked.id, actor=by(jo), now=NOW)
    with pytest.raises(Forbidden):
        withdraw_match(db, match_id=asked.id, actor=by(mara), now=NOW)
    over = decline_match(db, match_id=asked.id, actor=by(mara), now=NOW)

    assert (over.status, over.ended_because, over.awaiting) == (MatchStatus.ENDED, EndedBecause.DECLINED, [])
    assert acts(db, asked.id) == [("match.requested", 1), ("match.declined", 2)]
    assert (before, rematches(db)) == (0, 1)
    assert decline_match(db, match_id=asked.id, actor=by(mara), now=NOW).version == over.version
    for act in (partial(approve_match, actor=by(mara)), partial(withdraw_match, actor=by(jo))):
        with pytest.raises(NotPending):
            act(db, match_id=asked.id, now=NOW)


def test_who_saw_another_version_decides_about_nothing(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    asked = ask(db, jo, mara)

    for act in (approve_match, decline_match):
        with pytest.raises(Stale):
            act(db, match_id=asked.id, expected_version=2, actor=by(mara), now=NOW)


def test_what_nobody_decided_about_is_reminded_of_once_on_day_7_and_ends_on_day_14(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    asked = ask(db, jo, mara)
    done: list[tuple[float, int, int]] = []

    for hours in (0, 7 * 24 - 1, 7 * 24, 7 * 24, 10 * 24, 14 * 24 - 1, 14 * 24, 14 * 24, 30 * 24):
        now = NOW + timedelta(hours=hours)
        expired = match_requests.expire_matches(db, now=now)
        done.append((hours / 24, expired, match_requests.remind_matches(db, now=now)))

    assert [one for one in done if one[1] or one[2]] == [(7, 0, 1), (14, 1, 0)]
    assert acts(db, asked.id) == [("match.requested", 1), ("match.reminded", 2), ("match.expired", 3)]
    ended = db.execute(select(match.c.status, match.c.ended_because)).one()
    assert tuple(ended) == (MatchStatus.ENDED, EndedBecause.EXPIRED)


def test_after_a_long_downtime_one_that_is_over_is_not_reminded_of(db: DbSession) -> None:
    jo, tom, mara = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara")
    old, young = ask(db, jo, mara), ask(db, tom, mara, now=NOW + 8 * DAY)

    now = NOW + 20 * DAY
    done = match_requests.expire_matches(db, now=now), match_requests.remind_matches(db, now=now)

    assert done == (1, 1)
    assert [act for act, _ in acts(db, old.id)] == ["match.requested", "match.expired"]
    assert [act for act, _ in acts(db, young.id)] == ["match.requested", "match.reminded"]


@pytest.mark.parametrize("act", [approve_match, decline_match])
def test_nothing_comes_after_a_decision(db: DbSession, act: Any) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    act(db, match_id=ask(db, jo, mara).id, actor=by(mara), now=NOW)

    for days in (7, 14):
        now = NOW + days * DAY
        assert (match_requests.expire_matches(db, now=now), match_requests.remind_matches(db, now=now)) == (0, 0)


@pytest.mark.parametrize("approval", [MatchApproval.BOTH, MatchApproval.ADMIN])
def test_a_published_run_waits_for_whom_the_program_wants_to_ask_and_publishing_is_an_admin_s_yes(
    engine: Engine, approval: MatchApproval
) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Jo")
        mara = a_mentor(db, "Mara")
        settings(db, approval=approval)
    run_id = a_match_draft(engine)

    publish(engine, run_id)
    publish(engine, run_id)

    with transaction(engine, writes=True) as db:
        found = db.execute(select(match)).one()
        if approval is MatchApproval.ADMIN:
            assert (found.status, found.started_at) == (MatchStatus.ACTIVE, NOW)
        else:
            assert (found.status, found.awaiting, found.run_id) == (MatchStatus.PENDING, ["mentor", "mentee"], run_id)
            half = approve_match(db, match_id=found.id, actor=by(mara), now=NOW)
            assert (half.awaiting, sum(half.terms.values())) == (["mentee"], half.score)


def standing(engine: Engine) -> list[MatchStatus]:
    with transaction(engine, writes=False) as db:
        return sorted(db.execute(select(match.c.status).where(match.c.status != MatchStatus.ENDED)).scalars())


def at_once(engine: Engine, *acts: Any) -> list[Problem | None]:
    """Do these acts side by side, each in a transaction of its own; return why each was refused."""

    def tried(act: Any) -> Problem | None:
        try:
            written(engine, act)
        except Problem as why:
            return why
        return None

    with ThreadPoolExecutor(len(acts)) as crew:
        return list(crew.map(tried, acts))


def test_of_two_who_are_approved_at_once_for_one_place_one_gets_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors, mara = [a_mentee(db, name) for name in ("Jo", "Tom")], a_mentor(db, "Mara", capacity=2)
        asked = [ask(db, junior, mara).id for junior in juniors]
        one = f"enr_{mara.id}"
        set_capacity(db, program_id=the_program(db), enrollment_id=one, capacity=1, actor=SYSTEM, now=NOW)

    refused = at_once(engine, *(partial(approve_match, match_id=one, actor=by(mara), now=NOW) for one in asked))

    assert sorted(standing(engine)) == [MatchStatus.ACTIVE, MatchStatus.PENDING]
    (why,) = [one for one in refused if one is not None]
    assert (why.code, why.extra["constraint"]) == ("pair_blocked", "no_capacity")


def test_of_many_who_ask_at_once_for_two_places_two_get_one(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors, mara = [a_mentee(db, f"Junior {n}") for n in range(6)], a_mentor(db, "Mara", capacity=2)

    refused = at_once(engine, *(partial(ask, mentee=junior, mentor=mara) for junior in juniors))

    assert standing(engine) == [MatchStatus.PENDING] * 2
    assert [one.code for one in refused if one is not None] == ["pair_blocked"] * 4


def test_who_asks_twice_at_once_has_asked_once(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        jo, mara, kai = a_mentee(db, "Jo"), a_mentor(db, "Mara"), a_mentor(db, "Kai")

    refused = at_once(engine, *(partial(ask, mentee=jo, mentor=mentor) for mentor in (mara, kai)))

    assert standing(engine) == [MatchStatus.PENDING]
    assert sorted(one.code for one in refused if one is not None) == ["already_matched"]


def test_nobody_is_matched_with_who_leaves_at_that_moment(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    leave = partial(patch_person, person_id=mara.id, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)

    at_once(engine, leave, partial(ask, mentee=jo, mentor=mara))

    assert standing(engine) == []
