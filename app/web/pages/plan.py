"""One plan: who would hear which calls and why, what it leaves open, and the buttons that change, redo or book it."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, assert_never
from zoneinfo import ZoneInfo

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import credentials
from app import db as database
from app.db import DbSession
from app.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Problem, Stale
from app.house import House
from app.operations import plan_edits, plan_publishing, plan_runs
from app.operations.runs import WAITING
from app.queries import planning, plans, pool, programs, runs, teams
from app.queries.busy import people_rows
from app.queries.house_rules import house_rules
from app.vocabulary import RunStatus, SeatStatus, Side
from app.web import run_words
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.drafts import People
from app.web.faces import Face
from app.web.html import page
from app.web.pages.plans import week_words

router = page_router()

Do = Literal["accept", "pin", "unpin", "cut", "swap", "undo", "replan", "drop", "publish"]

_REFUSED = (Conflict, Gone, Invalid, Stale)
_SAID: Mapping[str, str] = {
    "accept": "The rest of the plan stays a draft.",
    "pin": "Pinned: planning anew keeps this seat.",
    "unpin": "Let go: planning anew may choose otherwise.",
    "cut": "Taken out. Planning anew leaves it out, too.",
    "swap": "Given to somebody else, and pinned.",
    "undo": "As it was before.",
    "drop": "Dropped. Nobody was told of it.",
    "publish": "The seats are being booked. Everybody is invited.",
}
_PEOPLE = 25
"""Observers on a page."""
_MOST_OPEN = 30
"""Open needs that are shown."""


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A planned seat; times on the viewer's clocks."""

    id: str
    observer_id: str
    at: str
    host: Face
    account: str
    type: str
    call_id: str
    """Empty for a call of which the viewer may not know."""
    pinned: bool
    by_hand: bool
    outcome: str
    """What became of it, or what booking would say now; empty when nothing is in the way."""
    kind: str
    taken: str
    """What happens now that it is booked or asked for; empty while it is only planned."""


@dataclass(frozen=True, slots=True)
class ObserverRow:
    """Somebody's week: what is booked by now, and what the plan adds."""

    face: Face
    booked: int
    seats: Sequence[SeatRow]


@dataclass(frozen=True, slots=True)
class SeatCard:
    """The seat that is looked at closely."""

    row: SeatRow
    observer: Face
    value: int
    terms: Sequence[tuple[str, int]]
    hears: Sequence[str]


@dataclass(frozen=True, slots=True)
class Before:
    """Where somebody sat in a draft: what the button that takes an edit back restores."""

    observer_id: str
    call_id: str
    pinned: bool
    given_to: str = ""


@router.get("/plans/{run_id}")
def show_plan(
    run_id: str,
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    seat: str = "",
    cursor: str = "",
    said: str = "",
    undo: str = "",
) -> Response:
    """Show a plan to who runs its program or leads its team."""
    return _Desk(db, the, viewer, now).shown(run_id, seat, cursor, said=said, undo=undo)


@router.post("/plans/{run_id}")
def change_plan(
    run_id: str,
    do: Do,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    fields: Fields,
    of: str = "",
    seen: str = "",
    token: str = "",
) -> Response:
    """Do what a button says about the seat `of` a draft, or about the plan as it was `seen`. Pressing twice changes
    nothing; a refusal is said on the page.
    """
    observer_id = fields.get("observer", "")

    def done(db: DbSession) -> Before | str | None:
        return _Desk(db, the, viewer, now).done(run_id, do, of=of, observer_id=observer_id, seen=seen, token=token)

    try:
        back = database.written(the.engine, done)
    except _REFUSED as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _Desk(reading, the, viewer, now).shown(run_id, of, "", refused=refused)
    if isinstance(back, str):
        return RedirectResponse(f"/plans/{back}", 303)
    query = {"seat": of if do == "accept" else "", "said": do, "undo": _sealed(back, run_id, the) if back else ""}
    return RedirectResponse(Address(f"/plans/{run_id}", {k: v for k, v in query.items() if v}).but(), 303)


def _purpose(run_id: str, the: House) -> dict[str, str]:
    return {"secret_key": the.settings.secret_key.get_secret_value(), "purpose": f"undo:{run_id}"}


def _sealed(was: Before, run_id: str, the: House) -> str:
    """Return how it was before as a value for an address that nobody but us could have made."""
    told = [was.observer_id, was.call_id, was.pinned, was.given_to]
    return credentials.seal(json.dumps(told).encode(), **_purpose(run_id, the))


def _opened(token: str, run_id: str, the: House) -> Before | None:
    told = credentials.unseal(token, **_purpose(run_id, the)) if token else None
    return Before(*json.loads(told)) if told else None


def _mark(run: Any, stale: Mapping[str, str]) -> str:
    """Return what tells apart what somebody saw of a draft: its seats, and what booking would say to them."""
    return f"{run.version}-{zlib.crc32(repr(sorted(stale.items())).encode()):x}"


@dataclass(frozen=True, slots=True)
class _Desk:
    """One look at a plan, or one press of a button on it."""

    db: DbSession
    the: House
    viewer: Viewer
    now: datetime

    def done(self, run_id: str, do: Do, *, of: str, observer_id: str, seen: str, token: str) -> Before | str | None:
        """Do it. Return how it was before, where that can be restored; or the id of the plan to go to."""
        run = plan_runs.run_to_change(self.db, run_id, actor=self.viewer.actor)
        by: dict[str, Any] = {"run_id": run_id, "actor": self.viewer.actor, "now": self.now}
        match do:
            case "pin" | "unpin" | "cut" | "swap":
                row = next((one for one in runs.plan_seats(self.db, run_id) if one.id == of), None)
                if row is None:
                    raise NotFound
                if do == "cut":
                    plan_edits.drop_seat(self.db, seat_id=of, **by)
                elif do == "swap":
                    plan_edits.swap_seat(self.db, seat_id=of, observer_id=observer_id, **by)
                else:
                    plan_edits.pin_seat(self.db, seat_id=of, pinned=do == "pin", **by)
                return Before(row.observer_id, row.call_id, row.pinned, observer_id if do == "swap" else "")
            case "accept":
                plan_publishing.accept_seat(self.db, seat_id=of, **by)
            case "undo":
                self._restore(run_id, token, by)
            case "replan":
                return str(plan_runs.replan(self.db, **by).id)
            case "drop":
                plan_runs.cancel_plan_run(self.db, **by)
            case "publish":
                if run.status is RunStatus.DRAFT:  # a second press finds it being booked, and changes nothing
                    self._check_seen(run, seen)
                plan_publishing.start_publishing(self.db, **by)
            case _:
                assert_never(do)
        return None

    def _check_seen(self, run: Any, seen: str) -> None:
        """Raise Stale when the draft, or what booking says to it, is not what somebody saw."""
        if _mark(run, planning.stale(self.db, runs.plan_seats(self.db, run.id), now=self.now)) != seen:
            raise Stale

    def _restore(self, run_id: str, token: str, by: Mapping[str, Any]) -> None:
        was = _opened(token, run_id, self.the)
        if was is None:
            raise NotFound
        at = {(one.observer_id, one.call_id): one.id for one in runs.plan_seats(self.db, run_id)}
        seat_id = at.get((was.observer_id, was.call_id))
        given = at.get((was.given_to, was.call_id))
        if seat_id is None and given is not None:
            seat_id = plan_edits.swap_seat(self.db, seat_id=given, observer_id=was.observer_id, **by).id
        elif seat_id is None:
            seat_id = plan_edits.add_seat(self.db, observer_id=was.observer_id, call_id=was.call_id, **by).id
        plan_edits.pin_seat(self.db, seat_id=seat_id, pinned=was.pinned, **by)

    def shown(
        self, run_id: str, seat_id: str, cursor: str, *, said: str = "", undo: str = "", refused: Problem | None = None
    ) -> Response:
        """Return the page. `said` is what was done last."""
        db, actor, zone = self.db, self.viewer.actor, self.viewer.person.time_zone
        run = runs.plan_run_by_id(db, run_id, actor=actor)
        program = programs.program_by_id(db, run.program_id)
        words, kind = run_words.STATES[run.status]
        told: dict[str, Any] = {
            "status": 409 if isinstance(refused, Stale) else refused.status if refused else 200,
            "viewer": self.viewer.face,
            "said": _SAID.get(said, ""),
            "home": "/plans",
            "at": f"/plans/{run.id}",
            "run": run,
            "program": teams.team_by_id(db, run.team_id).name if run.team_id else program.name,
            "state": run.status.value,
            "words": words,
            "kind": kind,
            "started": moment(run.created_at, zone, now=self.now),
            "may_change": self._may_change(run_id),
        }
        if run.inputs_hash is None:
            operation = runs.operation_by_id(db, run.operation_id, actor=actor)
            return page(
                "run_waits.html",
                **told,
                objective=week_words(run, zone),
                refused=refused.detail if refused else "",
                is_waiting=run.status in WAITING,
                progress=operation.progress,
                error=str((operation.error or {}).get("detail", "")),
            )
        is_draft = run.status is RunStatus.DRAFT
        has_undo = is_draft and _opened(undo, run_id, self.the) is not None
        at = Address(f"/plans/{run_id}", {"do": "undo", "token": undo}).but() if has_undo else ""
        draft = self._draft(run, seat_id, cursor, refused)
        if said == "accept" and (card := draft["card"]):
            told["said"] = f"{card.row.taken} {told['said']}".lstrip()
        return page("plan.html", **told, undo=at, week=week_words(run, zone), **draft)

    def _may_change(self, run_id: str) -> bool:
        try:
            plan_runs.run_to_change(self.db, run_id, actor=self.viewer.actor)
        except Forbidden:
            return False
        return True

    def _draft(self, run: Any, seat_id: str, cursor: str, refused: Problem | None) -> dict[str, Any]:
        """Return what is shown of a plan that has an answer."""
        db, is_draft = self.db, run.status is RunStatus.DRAFT
        planned = runs.plan_seats(db, run.id)
        stale = planning.stale(db, planned, now=self.now) if is_draft else {}
        calls = plans.planned_calls(db, {one.call_id for one in planned}, actor=self.viewer.actor)
        mentees = {one.row.id: one.row for one in pool.enrolled(db, run.program_id, Side.MENTEE, team_id=run.team_id)}
        others = {one.observer_id for one in planned} | {one["person_id"] for one in run.unmet} - mentees.keys()
        people = People({**people_rows(db, others), **mentees})
        names, booked = plans.need_names(db), plans.seats_booked(db, run)
        states = plans.seat_states(db, {one.seat_id for one in planned if one.seat_id})
        rows = [
            self._row(one, calls[one.call_id], stale, states, observer=people.name(one.observer_id)) for one in planned
        ]
        order = {row.id: calls[one.call_id].starts_at for row, one in zip(rows, planned, strict=True)}
        rows.sort(key=lambda row: (people.name(row.observer_id).casefold(), row.observer_id, order[row.id]))
        chosen = next((one for one in planned if one.id == seat_id), None)
        figures = house_rules(db).person_insights
        observers = [
            ObserverRow(people.face(who), booked.get(who, 0), list(theirs))
            for who, theirs in groupby(rows, key=lambda row: row.observer_id)
        ]
        ids = list(dict.fromkeys(row.observer_id for row in rows))
        begin = ids.index(cursor) + 1 if cursor in ids else self._page_of(ids, chosen)
        hearing = {one.observer_id for one in planned}
        silent = mentees.keys() - booked.keys()
        return {
            "observers": observers[begin : begin + _PEOPLE],
            "next": ids[begin + _PEOPLE - 1] if begin + _PEOPLE < len(ids) else None,
            "address": Address(f"/plans/{run.id}", {"cursor": cursor} if cursor else {}),
            "seats": len(planned),
            "taken": sum(one.seat_id is not None for one in planned),
            "people": len(ids),
            "pinned": sum(one.pinned and one.seat_id is None for one in planned),
            "stale": len(stale),
            "mark": _mark(run, stale),
            "is_draft": is_draft,
            "silent_now": len(silent),
            "silent_then": len(silent - hearing),
            "booked": sum(count for who, count in booked.items() if who in mentees),
            "gap": run.gap_percent or 0,
            "card": self._card(chosen, rows, people, names, figures=figures) if chosen else None,
            "mentees": sorted(((who, row.name) for who, row in mentees.items()), key=lambda one: one[1].casefold()),
            "unmet": [
                (people.face(one["person_id"]), names.get(one["need"], one["need"]), self._why_open(one, people))
                for one in run.unmet[:_MOST_OPEN]
            ],
            "more_unmet": max(len(run.unmet) - _MOST_OPEN, 0),
            "refused": _refusal(refused) if refused else "",
            "outcomes": (
                sum(one.seat_id is not None for one in planned),
                sum(one.refusal is not None for one in planned),
            ),
        }

    @staticmethod
    def _page_of(ids: Sequence[str], chosen: Any | None) -> int:
        """Return where the page begins on which the chosen seat is."""
        return ids.index(chosen.observer_id) // _PEOPLE * _PEOPLE if chosen is not None else 0

    def _row(
        self, one: Any, on: Any, stale: Mapping[str, str], states: Mapping[str, SeatStatus], *, observer: str
    ) -> SeatRow:
        code = stale.get(one.id) or one.refusal
        local = on.starts_at.astimezone(ZoneInfo(self.viewer.person.time_zone))
        outcome = kind = taken = ""
        if one.seat_id:
            outcome, kind, taken = run_words.BOOKED.get(states[one.seat_id], run_words.BOOKED_NOW)
        if code:
            outcome, kind = run_words.REFUSALS.get(code, "Not possible by now"), "bad"
        return SeatRow(
            id=one.id,
            observer_id=one.observer_id,
            at=f"{local:%a} {local.day} {local:%b, %H:%M}",
            host=Face.of(on.host_id, on.host_name),
            account=(on.account_name if on.is_visible else None) or "a customer",
            type=on.type_name,
            call_id=one.call_id if on.is_visible else "",
            pinned=one.pinned and one.seat_id is None,
            by_hand=one.by_hand,
            outcome=outcome,
            kind=kind,
            taken=taken.format(observer=observer, host=on.host_name),
        )

    @staticmethod
    def _card(
        chosen: Any, rows: Sequence[SeatRow], people: People, names: Mapping[str, str], *, figures: bool
    ) -> SeatCard:
        terms = sorted(chosen.terms.items(), key=lambda term: (-term[1], term[0])) if figures else []
        return SeatCard(
            row=next(row for row in rows if row.id == chosen.id),
            observer=people.face(chosen.observer_id),
            value=chosen.value,
            terms=[(run_words.VALUES.get(name, "Something else"), points) for name, points in terms if points],
            hears=[names.get(slug, slug) for slug in dict.fromkeys((*chosen.meets, *chosen.teaches))],
        )

    @staticmethod
    def _why_open(one: Mapping[str, Any], people: People) -> str:
        why = run_words.OPEN.get(one["reason"], "It found no place")
        taken = [people.name(who) for who in one.get("taken_by", ())[:2]]
        return f"{why}: {' and '.join(taken)}" if taken else why


def _refusal(refused: Problem) -> str:
    """Say what is in the way, and what would work."""
    if isinstance(refused, Stale):
        return "The draft, or somebody’s calendar, has changed since you looked. What no longer fits is marked below."
    if refused.code == "not_a_draft":
        return "It is no draft any more."
    if refused.code == "unknown_reference":
        return "Choose somebody whom the plan is for."
    return refused.detail
