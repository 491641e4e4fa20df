"""The week page: what is on it, for whom, and when."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.operations.accounts import create_account
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.statements import counted
from tests.web.browsers import Site
from tests.web.page_reader import page

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "W" * 200,
    "\u202egnp.exe",
    "=cmd|' /C calc'!A0",
]


def test_a_rep_sees_own_sessions_as_observer_and_as_host_and_no_others(site: Site) -> None:
    with site.db() as db:
        me, other, third = (a_person(db, name) for name in ("Nora Quinn", "Leo Marchetti", "Aisha Bello"))
        host = a_person(db, "Mara Okafor")
        secret = create_account(db, fields={"name": "Secret Freight"}, actor=SYSTEM, now=site.api.clock())
        shared = a_call(db, host, seats=3, starts_at=MONDAY + timedelta(hours=10))
        mine = a_call(db, me, starts_at=MONDAY + timedelta(hours=12))
        # full, and of others: nothing about it is for me
        theirs = a_call(db, host, seats=1, starts_at=MONDAY + timedelta(hours=14), account_id=secret.id, title="Hush")
    site.seat(shared, me.id, other.id)
    site.seat(mine, other.id)
    site.seat(theirs, third.id)

    seen = page(site.signed_in(me.id), "/week").text
    for_admin = page(site.signed_in(_admin(site)), "/week").text

    assert "Mara Okafor with a customer Discovery You and 1 more listen." in seen
    assert "You with a customer Discovery Leo Marchetti listens to you." in seen
    assert not [word for word in ("Secret Freight", "Aisha", "Hush") if word in seen]
    assert "Mara Okafor with Secret Freight" in for_admin
    assert "Nora Quinn and Leo Marchetti listen." in for_admin
    assert "Aisha Bello listens." in for_admin
    assert "Hush" not in for_admin, "company and type, never a title"


def test_open_seats_are_those_that_the_viewer_could_take(site: Site) -> None:
    with site.db() as db:
        me, host = a_person(db, "Nora Quinn"), a_person(db, "Mara Okafor")
        closed = create_account(
            db, fields={"name": "No observers", "observers_allowed": False}, actor=SYSTEM, now=site.api.clock()
        )
        fits = a_call(db, host, starts_at=MONDAY + timedelta(hours=9))
        taken = a_call(db, host, seats=3, starts_at=MONDAY + timedelta(hours=11))
        a_call(db, a_person(db, "Overlaps"), starts_at=MONDAY + timedelta(hours=11, minutes=15))
        a_call(db, a_person(db, "Night"), starts_at=MONDAY + timedelta(hours=20))
        a_call(db, a_person(db, "Closed"), starts_at=MONDAY + timedelta(hours=13), account_id=closed.id)
        a_call(db, a_person(db, "Sensitive"), starts_at=MONDAY + timedelta(hours=13), sensitive=True)
        a_call(db, a_person(db, "Full"), starts_at=MONDAY + timedelta(hours=13), seats=0)
        a_call(db, a_person(db, "Later"), starts_at=MONDAY + timedelta(days=7, hours=13))
        a_call(db, a_person(db, "Unloaded", host_per_week=0), starts_at=MONDAY + timedelta(hours=15))
        a_call(db, me, starts_at=MONDAY + timedelta(hours=16))
    site.seat(taken, me.id)
    assert fits

    rail = page(site.signed_in(me.id), "/week").text.partition("Open seats")[2]

    assert rail.startswith(" They fit your hours Mon 23 09:00 to 09:30")
    assert rail.count("Mara Okafor") == 1
    for name in ("Overlaps", "Night", "Closed", "Sensitive", "Full", "Later", "Unloaded", "You with"):
        assert name not in rail


def test_a_full_day_does_not_hide_the_seats_of_the_next_and_a_full_week_has_none(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn", observe_per_day=1, observe_per_week=2)
        calls = [
            a_call(db, a_person(db, f"Host {n}"), starts_at=MONDAY + timedelta(days=day, hours=hour))
            for n, (day, hour) in enumerate([(0, 9), (0, 11), (1, 9), (1, 11), (2, 9)])
        ]
    browser = site.signed_in(me.id)

    site.seat(calls[0], me.id)
    assert re.findall(r"Host \d", page(browser, "/week").text.partition("Open seats")[2]) == [
        "Host 2",
        "Host 3",
        "Host 4",
    ]
    site.seat(calls[2], me.id)

    assert "No open seat that week fits your hours and your load limits." in page(browser, "/week").text


def test_an_empty_week_says_what_to_do_next(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id

    rep, admin = page(site.signed_in(me), "/week").text, page(site.signed_in(_admin(site)), "/week").text

    assert "You sit in on no call that week. Look at the week after." in rep
    assert "Nobody sits in on a call that week. Look at the week after." in admin


def test_an_auditor_reads_of_all_who_sit_in_and_of_the_open_seats_that_fit_them(site: Site) -> None:
    with site.db() as db:
        auditor = a_person(db, "Audrey Tan", role=Role.AUDITOR).id
        a_call(db, a_person(db, "Night"), starts_at=MONDAY + timedelta(hours=22))

    shown = page(site.signed_in(auditor), "/week?d=2026-W48").text

    assert "Nobody sits in on a call that week." in shown
    assert "Book a seat" not in shown, "an auditor seats nobody else"
    assert "They fit your hours No open seat that week fits your hours and your load limits." in shown


@pytest.mark.parametrize(
    ("weeks_ahead", "expected"), [(0, "This week"), (1, "Next week"), (3, "Week 51"), (None, "This week")]
)
def test_it_opens_at_the_next_week_that_has_a_session_to_come(
    site: Site, weeks_ahead: int | None, expected: str
) -> None:
    site.api.clock.at = MONDAY + timedelta(hours=12)
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
        site_calls = [a_call(db, starts_at=MONDAY + timedelta(days=7 * (weeks_ahead or 0) + 1, hours=10))]
    if weeks_ahead is not None:
        site.seat(site_calls[0], me)

    shown = page(site.signed_in(me), "/week")

    assert f"Sign out {expected} " in shown.text


def test_weeks_are_left_and_entered_by_links(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
    browser = site.signed_in(me)

    shown = page(browser, "/week?d=2026-W53")

    links = {attrs["rel"]: attrs["href"] for attrs in shown.all("a") if "rel" in attrs}
    assert links == {"prev": "/week?d=2026-W52", "next": "/week?d=2027-W01"}
    assert "28 December to 3 January" in shown.text
    for wrong in ("2026-W54", "2026-W00", "2026-W4", "9999-W01", "1969-W01", "<script>", "٢٠٢٦-W48"):
        refused = page(browser, "/week?d=" + wrong, status=404)
        assert "There is nothing here" in refused.text


def test_times_are_on_the_viewers_clocks_on_both_sides_of_a_change(site: Site) -> None:
    site.api.clock.at = datetime(2026, 10, 19, 6, tzinfo=UTC)
    with site.db() as db:
        me = a_person(db, "Nora Quinn", time_zone="Europe/Berlin").id
        saturday = a_call(db, starts_at=datetime(2026, 10, 23, 8, tzinfo=UTC))
        monday = a_call(db, starts_at=datetime(2026, 10, 26, 9, tzinfo=UTC))
        # 23:30 UTC on Sunday is Monday in Berlin: the week after
        late = a_call(db, a_person(db, "Late"), starts_at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC))
    site.seat(saturday, me)
    site.seat(monday, me)
    assert late

    shown = page(site.signed_in(me), "/week?d=2026-W43")

    assert "The clocks change this week, from UTC+2 to UTC+1." in shown.text
    assert shown.text.count("10:00 to 10:30") == 2
    assert shown.times()[::2] == ["2026-10-23T10:00:00+02:00", "2026-10-26T10:00:00+01:00"]
    assert "Times are Berlin time, UTC+2 now." in shown.text


def test_hostile_names_are_text(site: Site) -> None:
    with site.db() as db:
        hosts = [a_person(db, name, email=f"h{n}@earshot.example") for n, name in enumerate(HOSTILE)]
        juniors = [a_person(db, name, email=f"j{n}@earshot.example") for n, name in enumerate(HOSTILE)]
        accounts = [create_account(db, fields={"name": n}, actor=SYSTEM, now=site.api.clock()) for n in HOSTILE]
        calls = [a_call(db, h, account_id=a.id, seats=3) for h, a in zip(hosts, accounts, strict=True)]
    for call_id, junior in zip(calls, juniors, strict=True):
        site.seat(call_id, junior.id)

    shown = page(site.signed_in(_admin(site)), "/week")

    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    for name in HOSTILE:
        assert shown.text.count(name) >= 3
    for host in hosts:
        page(site.browser(), site.link(host.id))


def test_a_huge_week_is_cut_and_says_so(site: Site) -> None:
    with site.db() as db:
        juniors = [a_person(db, f"Junior {n}", observe_per_day=50, observe_per_week=50) for n in range(30)]
        hosts = [a_person(db, f"Host {n}", host_per_day=99, host_per_week=99) for n in range(14)]
        calls = [
            a_call(db, host, seats=30, starts_at=MONDAY + timedelta(minutes=9 * 60 + 30 * n))
            for n, host in enumerate(hosts)
        ]
    for call_id in calls:
        site.seat(call_id, *(junior.id for junior in juniors))

    shown = page(site.signed_in(_admin(site)), "/week")

    assert "Only the first 400 seats are shown." in shown.text
    assert "Host 12 with" in shown.text
    assert "Host 13 with" not in shown.text.partition("Open seats")[0]


def test_the_page_costs_the_same_number_of_statements_for_one_call_and_for_many(site: Site) -> None:
    with site.db() as db:
        me = a_person(db, "Nora Quinn").id
        first, *calls = [
            a_call(db, a_person(db, f"Host {n}"), starts_at=MONDAY + timedelta(days=n, hours=10)) for n in range(5)
        ]
        for n in range(5):
            a_call(db, a_person(db, f"Free {n}"), starts_at=MONDAY + timedelta(days=n, hours=15))
    site.seat(first, me)
    browser = site.signed_in(me)

    with counted(site.api.engine) as for_one:
        browser.get("/week")
    for call_id in calls:
        site.seat(call_id, me)
    with counted(site.api.engine) as for_many:
        browser.get("/week")

    assert len(for_many) == len(for_one) <= 17


def _admin(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Diego Salas", role=Role.ADMIN).id
