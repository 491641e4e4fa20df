"""A crowd that does everything at once to a few people and calls, in client processes of its own."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, repeat

from tests.faults.servers import PROCESSES, Client, Reply, Request
from tests.faults.worlds import TUESDAY, Crowded

CLIENT_PROCESSES = 2
_REMEMBERED = 60
"""Of so many seats that it got last, a client process gives one back."""


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
class Player:
    """One client: what it may do, and what it remembers."""

    world: World
    name: str
    rng: random.Random
    seats: list[str]
    """Shared with the other clients of its process."""

    def book(self) -> Request:
        who = {"observer_id": self.rng.choice(self.world.day.people)}
        return Request("book", "POST", f"/v1/calls/{self._call()}/seats", who)

    def release(self) -> Request:
        if not self.seats:
            return self.book()
        return Request("release", "POST", f"/v1/seats/{self.rng.choice(self.seats)}/release")

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
        person_id = self.rng.choice(self.world.day.people)
        intervals = [self._times()] if self.rng.random() < 0.5 else []
        return Request("be busy", "PUT", f"/v1/people/{person_id}/busy", {"source": self.name, "intervals": intervals})

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
        seen.acknowledged.add((reply.body["id"], reply.body["version"]))
        if request.act == "book":
            self.seats.append(reply.body["id"])
            del self.seats[:-_REMEMBERED]


ACTS: Mapping[Callable[[Player], Request], int] = {
    Player.book: 55,
    Player.release: 20,
    Player.move: 6,
    Player.put_on_again: 6,
    Player.be_busy: 5,
    Player.hand_over: 3,
    Player.resize: 3,
    Player.cancel: 2,
}
"""What is done, and how often in a hundred times."""


def play(world: World, *, attempts: int, clients: int) -> Seen:
    """Make so many attempts from `clients` connections, spread over client processes and servers."""
    each, threads = attempts // clients, clients // CLIENT_PROCESSES
    seen = Seen()
    with ProcessPoolExecutor(CLIENT_PROCESSES, mp_context=PROCESSES) as pool:
        for part in pool.map(_process, repeat(world), range(CLIENT_PROCESSES), repeat(threads), repeat(each)):
            seen.add(part)
    return seen


def _process(world: World, number: int, threads: int, attempts: int) -> Seen:
    seats: list[str] = []
    players = [
        Player(world, f"client-{number}-{thread}", random.Random(f"{number} {thread}"), seats)
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
        for act in player.rng.choices(list(ACTS), list(ACTS.values()), k=attempts):
            request = act(player)
            player.remember(seen, request, client.until_answered(request))
    return seen
