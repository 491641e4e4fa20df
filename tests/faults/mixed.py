"""A crowd that does everything at once to a few people and calls, in client processes of its own."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, repeat
from typing import Any

from tests.faults.servers import PROCESSES, Client, Reply, Request
from tests.faults.worlds import TUESDAY, Crowded

CLIENT_PROCESSES = 2
_REMEMBERED = 60
"""So many things of a kind that it got last, a client process still does something with."""


@dataclass(frozen=True, slots=True)
class World:
    """Who and what there is, and where it is served."""

    ports: Sequence[int]
    api_key: str
    day: Crowded


@dataclass
class Seen:
    """What a crowd was answered."""

    answers: Counter[tuple[str, int, str | None]] = field(default_factory=Counter)
    """By (act, status, code)."""
    acknowledged: set[tuple[str, int]] = field(default_factory=set)
    """(object id, version) of what was done."""
    busy: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    """What each source said last of each person's time."""

    def add(self, other: "Seen") -> None:
        """Take in what others saw."""
        self.answers.update(other.answers)
        self.acknowledged |= other.acknowledged
        self.busy |= other.busy

    def of(self, act: str, status: int, code: str | None = None) -> int:
        """How often this was the answer."""
        return self.answers[act, status, code]


@dataclass
class Got:
    """What the clients of a process got and may do more with."""

    seats: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """In line for a full call."""
    sessions: list[str] = field(default_factory=list)
    holds: list[tuple[str, str, Any]] = field(default_factory=list)
    """Each with its token and what was asked for."""

    def a_hold(self) -> tuple[str, str, Any] | None:
        """Take one that nobody else takes."""
        with suppress(IndexError):
            return self.holds.pop()
        return None

    def keep(self, request: Request, reply: Reply) -> None:
        """Remember what came of a request that was granted."""
        if request.act == "hold":
            self.holds.append((reply.body["id"], reply.body["token"], request.body))
        elif request.act in ("book", "wait", "meet"):
            made: str = reply.body["id"]
            kept = {"seat": self.seats, "wle": self.places, "ses": self.sessions}[made.partition("_")[0]]
            kept.append(made)
            del kept[:-_REMEMBERED]


@dataclass
class Player:
    """One client: what it may do, and what it remembers."""

    world: World
    name: str
    rng: random.Random
    got: Got
    """Shared with the other clients of its process."""

    def book(self) -> Request:
        debrief = {"debrief_minutes": 10} if self.rng.random() < 0.2 else {}
        return self._ask("book", **debrief)

    def wait(self) -> Request:
        return self._ask("wait", waitlist=True)

    def release(self) -> Request:
        return self._again("release", "POST", "/v1/seats/{}/release", self.got.seats)

    def hold(self) -> Request:
        wanted = {"call_id": self._call(), "observer_id": self._person()}
        return Request("hold", "POST", "/v1/holds", wanted)

    def book_held(self) -> Request:
        held = self.got.a_hold()
        if held is None:
            return self.hold()
        _, token, wanted = held
        body = {"observer_id": wanted["observer_id"], "hold_token": token}
        return Request("book", "POST", f"/v1/calls/{wanted['call_id']}/seats", body)

    def give_hold_back(self) -> Request:
        held = self.got.a_hold()
        return Request("give hold back", "DELETE", f"/v1/holds/{held[0]}") if held else self.hold()

    def accept(self) -> Request:
        return self._again("accept", "POST", "/v1/waitlist-entries/{}/accept", self.got.places)

    def leave(self) -> Request:
        return self._again("leave", "POST", "/v1/waitlist-entries/{}/leave", self.got.places)

    def meet(self) -> Request:
        mentor, mentee = self.rng.sample(self.world.day.people, 2)
        people = [{"person_id": mentor, "as": "mentor"}, {"person_id": mentee, "as": "mentee"}]
        when = {"starts_at": self._times()["starts_at"], "duration_minutes": self.rng.choice((15, 30, 45))}
        return Request("meet", "POST", "/v1/sessions", {"kind": "one_on_one", "participants": people, **when})

    def reschedule(self) -> Request:
        when = {"starts_at": self._times()["starts_at"]}
        return self._again("reschedule", "POST", "/v1/sessions/{}/reschedule", self.got.sessions, when)

    def call_off(self) -> Request:
        return self._again("call off", "POST", "/v1/sessions/{}/cancel", self.got.sessions, {})

    def move(self) -> Request:
        return Request("move", "PATCH", f"/v1/calls/{self._call()}", self._times())

    def cancel(self) -> Request:
        return Request("cancel", "POST", f"/v1/calls/{self._call()}/cancel")

    def put_on_again(self) -> Request:
        place = f"/v1/calls/by-external-id/crm/{self.world.day.calls[self._call()]}"
        return Request("put on again", "PUT", place, {"status": "scheduled", **self._times()})

    def hand_over(self) -> Request:
        return Request(
            "hand over", "PATCH", f"/v1/calls/{self._call()}", {"host_id": self.rng.choice(self.world.day.hosts)}
        )

    def resize(self) -> Request:
        return Request("resize", "PATCH", f"/v1/calls/{self._call()}", {"seat_capacity": self.rng.randint(1, 3)})

    def be_busy(self) -> Request:
        intervals = [self._times()] if self.rng.random() < 0.1 else []
        return Request(
            "be busy", "PUT", f"/v1/people/{self._person()}/busy", {"source": self.name, "intervals": intervals}
        )

    def _ask(self, act: str, **how: object) -> Request:
        return Request(act, "POST", f"/v1/calls/{self._call()}/seats", {"observer_id": self._person(), **how})

    def _again(self, act: str, method: str, path: str, of: Sequence[str], body: object = None) -> Request:
        """Do something to what was got before; while there is nothing, book."""
        known = list(of)  # others change it meanwhile
        return Request(act, method, path.format(self.rng.choice(known)), body) if known else self.book()

    def _person(self) -> str:
        return self.rng.choice(self.world.day.people)

    def _call(self) -> str:
        return self.rng.choice(list(self.world.day.calls))

    def _times(self) -> dict[str, str]:
        # Quarter hours apart and up to an hour long: most of them overlap, few are equal.
        starts_at = TUESDAY + timedelta(hours=9, minutes=15 * self.rng.randrange(28))
        ends_at = starts_at + timedelta(minutes=self.rng.choice((15, 30, 45, 60)))
        return {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}

    def remember(self, seen: Seen, request: Request, reply: Reply) -> None:
        """Note what was answered, and what came of it."""
        seen.answers[request.act, reply.status, reply.body.get("code")] += 1
        if reply.status >= 300:
            return
        if request.act == "be busy":
            said = [(one["starts_at"], one["ends_at"]) for one in request.body["intervals"]]
            seen.busy[request.path.split("/")[3], self.name] = said
            return
        if "version" in reply.body:
            seen.acknowledged.add((reply.body["id"], reply.body["version"]))
        self.got.keep(request, reply)


ACTS: Mapping[Callable[[Player], Request], int] = {
    Player.book: 36,
    Player.release: 15,
    Player.wait: 5,
    Player.accept: 3,
    Player.leave: 1,
    Player.hold: 3,
    Player.book_held: 2,
    Player.give_hold_back: 2,
    Player.meet: 6,
    Player.reschedule: 4,
    Player.call_off: 3,
    Player.move: 5,
    Player.put_on_again: 5,
    Player.be_busy: 5,
    Player.hand_over: 2,
    Player.resize: 2,
    Player.cancel: 1,
}
"""What is done, and how often in a hundred times."""


def play(world: World, *, attempts: int, clients: int) -> Seen:
    """Make so many attempts from `clients` connections, spread over client processes and servers. At first each does
    everything once.
    """
    each, threads = attempts // clients, clients // CLIENT_PROCESSES
    seen = Seen()
    with ProcessPoolExecutor(CLIENT_PROCESSES, mp_context=PROCESSES) as pool:
        for part in pool.map(_process, repeat(world), range(CLIENT_PROCESSES), repeat(threads), repeat(each)):
            seen.add(part)
    return seen


def _process(world: World, number: int, threads: int, attempts: int) -> Seen:
    got = Got()
    players = [
        Player(world, f"client-{number}-{thread}", random.Random(f"{number} {thread}"), got)
        for thread in range(threads)
    ]
    seen = Seen()
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(_thread, players, cycle(world.ports), repeat(attempts)):
            seen.add(part)
    return seen


def _thread(player: Player, port: int, attempts: int) -> Seen:
    seen = Seen()
    with Client(port, player.world.api_key) as client:
        by_chance = player.rng.choices(list(ACTS), list(ACTS.values()), k=attempts - len(ACTS))
        for act in (*ACTS, *by_chance):  # everything once at first, so that little is left to chance
            request = act(player)
            player.remember(seen, request, client.until_answered(request))
    return seen
