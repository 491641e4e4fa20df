"""What stands in every house that is not empty: colleagues and two weeks of calls with observers on them; and the
calls, sessions, matches and links of the viewers that paths refer to.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from app.models import Person, PersonSkill
from app.operations.accounts import create_account
from app.operations.call_outcomes import start_call
from app.operations.floor import raise_hand, set_door
from app.operations.match_requests import approve_match, ask_for_match
from app.operations.people import patch_person
from app.operations.seats import book_seat, wait_if_full
from app.operations.sign_in import create_sign_in_link
from app.operations.teams import create_team
from app.queries import runs
from app.queries.mail_settings import unsubscribe_url
from app.rules.access import SYSTEM
from app.rules.reminders import Topic
from app.vocabulary import Door, SeatApproval, Side
from tests.acts_that_are_told import by
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.pools import enrolled
from tests.sessions_and_people import a_session
from tests.web.houses import LOOKED_AT, Furnish, Furnishing

_BY: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
_FIRST = ("Aisha", "Leo", "Zoe", "Tomás", "Priya", "Kwame", "Yuki", "Ellen", "Ravi", "Freya", "Omar", "Linh")
_LAST = ("Bello", "Marchetti", "Lindqvist", "Aguilar", "Banerjee", "Mensah", "Sato", "Doyle", "Haddad", "Nguyen")
_ZONES = ("Europe/London", "Europe/Berlin", "Europe/London", "Europe/Lisbon")
_ACCOUNTS = ("Northwind Freight", "Brightwater", "Halden & Söhne", "Casa Verde", "Ostrava Steel", "Lumen Labs")
_TITLES = ("discovery call", "product demo", "technical deep dive", "negotiation", "renewal")
_MEETING = "https://meet.earshot.example/northwind"


def colleagues(house: Furnishing) -> Mapping[str, str]:
    """Two teams around the viewers: 14 people in all, 50 in a huge house. The first third of them hosts."""
    teams = [create_team(house.db, name=house.text(name), **_BY).id for name in ("Enterprise", "Mid-market")]
    for number, who in enumerate(("junior", "mentor", "manager")):
        lead = {"manager_id": house.people["manager"].id} if number == 0 else {}
        changes = {"team_id": teams[0], **lead}
        patch_person(house.db, person_id=house.people[who].id, changes=changes, **_BY)
    for number in range(house.many(8, huge=44)):
        name = f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}"
        zone = _ZONES[number % len(_ZONES)]
        house.people[f"colleague {number}"] = house.person(name, time_zone=zone, team_id=teams[number % 2])
    return {"team_id": teams[0], "colleague": house.people["colleague 0"].id, "junior": house.people["junior"].id}


def weeks_of_calls(house: Furnishing) -> Mapping[str, str]:
    """This week's and next week's calls, one or two observers on each: about 30 sessions, 200 in a huge house."""
    accounts = [
        create_account(house.db, fields={"name": house.text(f"{name} {n}" if n else name)}, **_BY).id
        for n in range(house.many(1, huge=8))
        for name in _ACCOUNTS
    ]
    hosts, juniors = _sides(house)
    free = _Rota(juniors)
    kinds = zip(cycle(_TITLES), cycle(accounts), strict=False)
    for host, starts_at in _times(house, hosts):
        title, account = next(kinds)
        titled: dict[str, Any] = {
            "title": house.text(f"Weekly: {title}"),
            "account_id": account,
            "meeting_url": _MEETING,
        }
        made = a_call(house.db, host, starts_at=starts_at, seats=3, **titled)
        for observer in free.at(starts_at, 1 if starts_at.day % 2 else 2):
            book_seat(house.db, call_id=made, observer_id=observer.id, **_BY)
    return {"account_id": accounts[0]}


def calls_of_the_viewers(house: Furnishing) -> Mapping[str, str]:
    """A call that is on behind an open door, one that Nora hears, one to take a seat on, one that is full and one whose
    host decides: all but the first in the late afternoon, when the others are over.
    """
    nora, mara = house.people["junior"], house.people["mentor"]
    other, host = house.people["colleague 7"], house.people["colleague 1"]
    account = create_account(house.db, fields={"name": house.text("Harbour & Pine")}, **_BY).id
    told: dict[str, Any] = {"account_id": account, "meeting_url": _MEETING, "title": house.text("Harbour: demo")}
    at = MONDAY + timedelta(hours=10)
    live = a_call(house.db, mara, starts_at=at, minutes=45, seats=3, **told)
    late = [MONDAY + timedelta(days=day, hours=16, minutes=15) for day in range(5)]
    heard = a_call(house.db, mara, starts_at=late[1], seats=4, **told)
    open_ = a_call(house.db, mara, starts_at=late[2], seats=3, **told)
    full = a_call(house.db, mara, starts_at=late[3], seats=1, **told)
    patch_person(house.db, person_id=host.id, changes={"seat_approval": SeatApproval.HOST}, **_BY)
    asked = a_call(house.db, host, starts_at=late[4], seats=2, **told)
    heard_by_nora = book_seat(house.db, call_id=heard, observer_id=nora.id, **_BY)
    for call_id in (live, open_, full):
        book_seat(house.db, call_id=call_id, observer_id=other.id, **_BY)
    book_seat(house.db, call_id=asked, observer_id=nora.id, **_BY)
    entry_id = wait_if_full(house.db, call_id=full, observer_id=nora.id, **_BY)
    start_call(house.db, call_id=live, actor=SYSTEM, now=at)
    set_door(house.db, call_id=live, door=Door.OPEN, actor=by(mara), now=at)
    raise_hand(house.db, call_id=live, why=house.text("They are about to talk price"), actor=by(mara), now=LOOKED_AT)
    assert entry_id
    return {
        "live_call": live,
        "heard_call": heard,
        "call_id": open_,
        "full_call": full,
        "asked_call": asked,
        "entry_id": entry_id,
        "session_id": heard_by_nora.session_id,
        "seat_id": heard_by_nora.id,
    }


def meetings_and_matches(house: Furnishing) -> Mapping[str, str]:
    """Nora meets Mara, who is her mentor, and whom somebody else asks to be theirs."""
    nora, mara, other = (house.people[who] for who in ("junior", "mentor", "colleague 6"))
    program_id = runs.program_for_run(house.db, None).id
    for mentee in (nora, other):
        enrolled(house.db, mentee, Side.MENTEE)
        house.db.add(PersonSkill(person_id=mentee.id, skill="discovery.questioning", level=1, wants=5))
    enrolled(house.db, mara, Side.MENTOR, 3)
    house.db.add(PersonSkill(person_id=mara.id, skill="discovery.questioning", level=4, teaches=True))
    house.db.flush()
    asked = [
        ask_for_match(house.db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(mentee), now=NOW).id
        for mentee in (nora, other)
    ]
    approve_match(house.db, match_id=asked[0], actor=by(mara), now=NOW)
    at = MONDAY + timedelta(days=2, hours=9, minutes=15)
    return {
        "program_id": program_id,
        "match_id": asked[0],
        "asked_match": asked[1],
        "one_on_one": a_session(house.db, nora, mara, starts_at=at),
    }


def links(house: Furnishing) -> Mapping[str, str]:
    """What comes by mail: a link to sign in by, and one to choose which mail one wants."""
    nora = house.people["junior"].id
    mail = unsubscribe_url(house.settings, nora, Topic.REMINDERS)
    return {
        "sign_in_token": create_sign_in_link(house.db, person_id=nora, actor=SYSTEM, now=LOOKED_AT),
        "mail_token": mail.split("/")[-2],
    }


FURNITURE: tuple[Furnish, ...] = (colleagues, weeks_of_calls, calls_of_the_viewers, meetings_and_matches, links)


def _sides(house: Furnishing) -> tuple[list[Person], list[Person]]:
    """Who hosts the weeks' calls, and who listens: the first third of the colleagues, and the others with Nora."""
    everybody = [person for who, person in house.people.items() if who.startswith("colleague")]
    third = len(everybody) // 3
    return everybody[:third], [*everybody[third:], house.people["junior"]]


def _times(house: Furnishing, hosts: Sequence[Person]) -> Iterator[tuple[Person, datetime]]:
    """One call a day of each host, this week and the next, between ten and four."""
    for day in (*range(5), *range(7, 12)):
        for number, host in enumerate(hosts):
            yield host, MONDAY + timedelta(days=day, hours=10 + (number + day) % 6, minutes=15 * (number % 3))


class _Rota:
    """Who listens next, without two calls of one person on a day or more than they may hear in a week."""

    def __init__(self, juniors: Sequence[Person]) -> None:
        self._juniors = juniors
        self._heard: Counter[str] = Counter()
        self._on: Counter[tuple[str, object]] = Counter()

    def at(self, starts_at: datetime, most: int) -> list[Person]:
        """Return up to so many who have heard least, in their order."""
        day, week = starts_at.date(), starts_at.isocalendar().week
        free = [one for one in self._juniors if not self._on[one.id, day] and self._on[one.id, week] < _A_WEEK]
        chosen = sorted(free, key=lambda one: self._heard[one.id])[:most]
        for one in chosen:
            self._heard[one.id] += 1
            self._on[one.id, day] += 1
            self._on[one.id, week] += 1
        return chosen


_A_WEEK = 5
