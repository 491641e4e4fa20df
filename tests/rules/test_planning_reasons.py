"""What a plan says: whom it prefers, what a seat teaches, why a need stays open, which pin cannot be kept."""

import pickle
import subprocess
import sys

import pytest

from app.rules.planning.problem import (
    ContradictoryPin,
    HostLoad,
    PlanAnswer,
    PlanLimit,
    PlanProblem,
    UnmetReason,
)
from app.rules.planning.solve import greedy, solve
from tests.rules.planning_cases import DAY, a_call, a_problem, an_observer


def seats(answer: PlanAnswer) -> set[tuple[str, str]]:
    return {(seat.observer.removeprefix("per_"), seat.call.removeprefix("call_")) for seat in answer.seats}


def test_an_empty_problem_has_an_empty_plan() -> None:
    for plan in (solve, greedy):
        answer = plan(a_problem((), ()))

        assert answer == PlanAnswer(seats=(), unmet=(), fairness=0, learning=0, bound=0, timed_out=False)
        assert answer.gap_percent == 0


def test_observers_without_a_call_and_calls_without_an_observer_are_no_error() -> None:
    lonely = solve(a_problem((an_observer(needs=("demo", "demo")),), ()))
    unheard = solve(a_problem((), (a_call(),)))

    assert [(open.need, open.reason) for open in lonely.unmet] == [("demo", UnmetReason.NO_CALL_IN_FREE_TIME)]
    assert (unheard.seats, unheard.unmet) == ((), ())


def test_a_need_that_no_allowed_call_teaches_names_no_call() -> None:
    problem = a_problem((an_observer(needs=("negotiation",)),), (a_call(type="demo"),))

    (unmet,) = solve(problem).unmet

    assert (unmet.reason, unmet.call, unmet.limit, unmet.taken_by) == ("no_call_in_free_time", None, None, ())


def test_the_only_seat_goes_to_the_observer_who_has_heard_less_and_the_other_is_told_so() -> None:
    often = an_observer("anna", heard_before=4, needs=("demo",))
    never = an_observer("zoe", heard_before=0, needs=("demo",))

    answer = solve(a_problem((often, never), (a_call(),)))

    assert seats(answer) == {("zoe", "demo")}
    (unmet,) = answer.unmet
    assert (unmet.observer, unmet.need, unmet.reason) == ("per_anna", "demo", UnmetReason.SEATS_TAKEN)
    assert (unmet.call, unmet.limit, unmet.taken_by) == ("call_demo", PlanLimit.SEATS, ("per_zoe",))


def test_a_first_session_outweighs_a_second_one_of_the_greatest_value() -> None:
    skills = ("a", "b", "c", "d")
    keen = an_observer(
        "keen",
        wants=dict.fromkeys(skills, 5),
        needs=("demo", *skills),
        mentor="hana",
        manager="hana",
        segments=("smb",),
    )
    shy = an_observer("shy", wants={}, heard_before=2000, heard_types={"demo": 200})
    calls = (a_call("one", skills=(), type="one"), a_call("two", starts_at=800, skills=skills, segment="smb"))
    strengths = {"hana": dict.fromkeys(skills, 4)}

    answer = solve(a_problem((keen, shy), calls, pairs=((0, 0), (0, 1), (1, 1)), strengths=strengths))

    assert seats(answer) == {("keen", "one"), ("shy", "two")}


def test_a_call_that_was_full_before_the_plan_is_taken_by_nobody_in_it() -> None:
    (unmet,) = solve(a_problem((an_observer(needs=("demo",)),), (a_call(seats=0),))).unmet

    assert (unmet.reason, unmet.taken_by) == (UnmetReason.SEATS_TAKEN, ())


@pytest.mark.parametrize(
    ("load", "limit"),
    [(HostLoad({0: 1}, {}), PlanLimit.HOST_DAY), (HostLoad({}, {0: 1}), PlanLimit.HOST_WEEK)],
)
def test_a_full_host_is_named_with_whom_they_take(load: HostLoad, limit: PlanLimit) -> None:
    observers = (an_observer("lou", needs=("demo",), heard_before=3), an_observer("new", needs=("demo",)))
    calls = (a_call("early"), a_call("late", starts_at=900))

    answer = solve(a_problem(observers, calls, pairs=((0, 0), (1, 1)), hosts={"hana": load}))

    (unmet,) = answer.unmet
    assert (unmet.observer, unmet.reason, unmet.limit) == ("per_lou", UnmetReason.HOST_FULL, limit)
    assert (unmet.call, unmet.taken_by) == ("call_early", ("per_new",))


@pytest.mark.parametrize(
    ("problem", "limit"),
    [
        (a_problem((an_observer(goal=0, needs=("demo",)),), (a_call(),)), PlanLimit.GOAL),
        (a_problem((an_observer(per_day_left={0: 0}, needs=("demo",)),), (a_call(),)), PlanLimit.DAY),
        (a_problem((an_observer(per_week_left={0: -1}, needs=("demo",)),), (a_call(),)), PlanLimit.WEEK),
        (
            a_problem((an_observer(per_day_left={0: 0}, per_week_left={0: 0}, needs=("demo",)),), (a_call(),)),
            PlanLimit.DAY,
        ),
        (a_problem((an_observer(needs=("demo",)),), (a_call(),), per_host=0), PlanLimit.HOST_VARIETY),
        (
            a_problem((an_observer(accounts_taken=("acme",), needs=("demo",)),), (a_call(account="acme"),)),
            PlanLimit.ACCOUNT,
        ),
    ],
)
def test_an_observers_own_limit_is_named(problem: PlanProblem, limit: PlanLimit) -> None:
    (unmet,) = solve(problem).unmet

    assert (unmet.reason, unmet.limit, unmet.taken_by) == (UnmetReason.LIMIT_REACHED, limit, ())


def test_two_calls_closer_than_what_the_observer_keeps_free_leave_one_need_to_time_taken() -> None:
    needs = ("demo", "negotiation")
    calls = (a_call("a", minutes=30), a_call("b", type="negotiation", starts_at=639, skills=()))

    tight = solve(a_problem((an_observer(needs=needs, gap=10),), calls))
    enough = solve(a_problem((an_observer(needs=needs, gap=9),), calls))

    assert seats(tight) == {("ola", "a")}
    (unmet,) = tight.unmet
    assert (unmet.need, unmet.reason, unmet.limit) == ("negotiation", UnmetReason.TIME_TAKEN, PlanLimit.TIME)
    assert seats(enough) == {("ola", "a"), ("ola", "b")}


def test_a_seat_says_what_it_is_worth_and_teaches() -> None:
    observer = an_observer(
        wants={"objections.price": 4, "craft.listening": 5, "demo.technical": 5},
        levels={"objections.price": 1, "craft.listening": 4},
        needs=("negotiation", "craft.listening", "renewal"),
        mentor="hana",
        segments=("smb",),
        heard_types={"negotiation": 1},
    )
    call = a_call(type="negotiation", skills=("objections.price", "craft.listening", "demo.technical"), segment="smb")
    strengths = {"hana": {"objections.price": 4, "craft.listening": 4}}

    (seat,) = solve(a_problem((observer,), (call,), strengths=strengths)).seats

    assert seat.terms == {"skill": 3 * 4 * 3 * 4, "mentor": 150, "manager": 0, "segment": 100, "new_type": 75}
    assert seat.value == 469
    assert seat.teaches == ("objections.price",)
    assert seat.meets == ("craft.listening", "negotiation")


def test_a_pin_is_kept_where_the_best_plan_would_choose_another_call_even_beyond_the_weekly_goal() -> None:
    observer = an_observer(goal=1, mentor="hana")
    calls = (a_call("mentor"), a_call("other", host="hugo", starts_at=900), a_call("third", starts_at=DAY + 600))

    free = solve(a_problem((observer,), calls))
    one = solve(a_problem((observer,), calls, pins=((0, 1),)))
    two = solve(a_problem((observer,), calls, pins=((0, 1), (0, 2))))

    assert seats(free) == {("ola", "mentor")}
    assert seats(one) == {("ola", "other")}
    assert [seat.pinned for seat in one.seats] == [True]
    assert seats(two) == {("ola", "other"), ("ola", "third")}


def test_a_dropped_pair_goes_to_somebody_else_and_the_need_that_it_leaves_open_says_so() -> None:
    observers = (an_observer("ola", needs=("demo",)), an_observer("pia", heard_before=4))

    answer = solve(a_problem(observers, (a_call(),), dropped=((0, 0), (0, 0))))

    assert seats(answer) == {("pia", "demo")}
    (unmet,) = answer.unmet
    assert (unmet.reason, unmet.call, unmet.limit) == (UnmetReason.DROPPED, "call_demo", PlanLimit.DROPPED)
    assert unmet.taken_by == ()


def test_a_pin_on_a_dropped_pair_is_named() -> None:
    problem = a_problem((an_observer(),), (a_call(),), pins=((0, 0),), dropped=((0, 0),))

    with pytest.raises(ContradictoryPin) as refused:
        solve(problem)

    assert (refused.value.observer, refused.value.call, refused.value.limit) == ("per_ola", "call_demo", "dropped")


def test_a_pin_that_booking_would_refuse_is_named() -> None:
    problem = a_problem((an_observer("ola"), an_observer("pia")), (a_call(),), pairs=((0, 0),), pins=((1, 0),))

    with pytest.raises(ContradictoryPin, match="per_pia on call_demo cannot be kept: not_allowed") as refused:
        solve(problem)

    assert (refused.value.observer, refused.value.call, refused.value.limit) == ("per_pia", "call_demo", None)


def test_pins_that_exclude_each_other_name_the_later_pair_and_the_limit() -> None:
    calls = (a_call("a"), a_call("b", starts_at=615))

    for pins in (((0, 0), (0, 1)), ((0, 1), (0, 0))):
        for plan in (solve, greedy):
            with pytest.raises(ContradictoryPin) as refused:
                plan(a_problem((an_observer(),), calls, pins=pins))

            assert (refused.value.call, refused.value.limit) == ("call_b", PlanLimit.TIME)


def test_problem_answer_and_error_cross_a_process_boundary() -> None:
    problem = a_problem((an_observer(needs=("demo", "renewal")),), (a_call(),))
    answer = solve(problem)
    error = ContradictoryPin("per_ola", "call_demo", PlanLimit.SEATS)

    again = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert pickle.loads(pickle.dumps(problem)) == problem  # noqa: S301
    assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301
    assert (again.observer, again.call, again.limit, str(again)) == ("per_ola", "call_demo", "seats", str(error))


def test_a_problem_can_be_built_where_numpy_must_not_be_loaded() -> None:
    script = "import sys; sys.modules['numpy'] = None; import app.rules.planning.problem"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
