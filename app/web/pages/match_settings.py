"""What counts in the matching of a program and what forbids a pair: changed, and tried on the last run beforehand."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import credentials
from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid, NotFound, Problem, Stale, Unavailable
from app.house import House
from app.operations import match_simulations, pair_rules
from app.operations.programs import WeightsAllZero, check_runs_program, patch_program
from app.queries import pool, programs
from app.queries.busy import people_rows
from app.queries.effective_settings import Effective, effective_settings
from app.queries.house_rules import house_rules
from app.rules.access import runs_program, sees_program, sees_the_house
from app.rules.matching.changes import Difference
from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchAnswer, MatchConstraints
from app.schemas.programs import PatchProgram, ProgramConstraints, Weights
from app.schemas.shapes import Body
from app.vocabulary import PairChange, PairRuleKind, SettingLayer
from app.web import drafts, run_words, setting_words, words
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.drafts import People
from app.web.faces import Face
from app.web.filled import Misfilled, one, read, whole
from app.web.html import page
from app.web.pages.settings import ALL, LAYERS, TABS, Form

router = page_router()

Do = Literal["save", "preview", "unsay", "undo"]

_AT = "/settings/matching"
_SAID: Mapping[str, str] = {
    "save": "Saved. The next run goes by it.",
    "preview": "Tried on people as they are now. Nothing is saved.",
    "unsay": "Taken back. The next run may choose freely.",
    "undo": "As it was before.",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A constraint that is a number."""

    name: str
    hint: str
    most: int

    @property
    def label(self) -> str:
        """What it is called."""
        return setting_words.LIMITS[self.name]


_LIMITS = (
    Limit("min_shared_minutes_per_week", "Of both, in the leanest week.", 10_080),
    Limit("max_zone_gap_hours", "At most.", 14),
    Limit("max_grade_gap", "At most, whoever is above.", 20),
)
_WRONG = {
    **{name: f"{words.TERMS[name]}: from 0 to 10,000 points, or nothing." for name in DEFAULT_WEIGHTS},
    **{limit.name: f"{limit.label}: from 0 to {limit.most:,}, or nothing." for limit in _LIMITS},
    "same_team": "Choose which teams the two may be of.",
    "approval": "Choose who says yes.",
}
_UNLIMITED = "any"
_MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A weight, or a constraint that is a number: what holds, who says so, and what the form has."""

    name: str
    label: str
    hint: str
    points: int
    """What its bar shows."""
    holds: str
    by: str
    ships: str
    filled: str


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A mentee for whom something else would be proposed."""

    mentee: Face
    words: str
    points: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What other settings would make of the last run, or where there is none, of the matches that stand."""

    run_id: str
    at: str
    changes: drafts.Changes
    before: int
    after: int
    part_before: int
    """Percent of all points that its pairs could have."""
    part_after: int
    rows: Sequence[MoveRow]
    more: int
    left: int


@dataclass(frozen=True, slots=True)
class RuleRow:
    """Two whom every run of the program keeps together or apart."""

    mentee_id: str
    mentor_id: str
    mentee: Face
    mentor: str
    kind: PairRuleKind


Seen = Callable[[DbSession], Effect]
"""What was tried, once there is a transaction to look names up."""


@router.get("/settings/matching")
def show_matching(
    db: ReadDb,
    the: TheHouse,
    viewer: SignedIn,
    program: str = "",
    ships: bool = False,
    said: str = "",
    undo: str = "",
) -> Response:
    """Show what counts in a program; with `ships`, the form as if it said nothing itself: to be saved, or not."""
    desk = _Desk(db, viewer, program)
    back = desk.at.but(do="undo", token=undo) if _opened(undo, desk.program.id, the) else ""
    return desk.shown(said=_SAID.get(said, ""), undo=back, form={} if ships else None)


@router.post("/settings/matching")
def change_matching(
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    form: LongForm,
    program: str = "",
    do: Do = "save",
    mentee: str = "",
    mentor: str = "",
    token: str = "",
) -> Response:
    """Save what counts in a program, or try it on the last run: that saves nothing, and what was filled in stays. Or
    take back what it says of two people, and that again.
    """
    with database.transaction(the.engine, writes=False) as reading:
        program_id = _Desk(reading, viewer, program).program.id
        check_runs_program(viewer.actor, program_id)
    if do in ("unsay", "undo"):
        pair = (mentee, mentor, "") if do == "unsay" else _opened(token, program_id, the)
        again = database.written(the.engine, lambda db: _said(db, program_id, pair, viewer=viewer, now=now))
        query = {"program": program_id, "said": do, "undo": _sealed(again, program_id, the) if do == "unsay" else ""}
        return RedirectResponse(Address(_AT, query).but(), 303)
    errors: Mapping[str, str] = {}
    refused: Problem | None = None
    effect: Seen | None = None
    try:
        changes = _filled(form)
        if do == "save":
            seen = whole(one(form, "seen"))
            by: dict[str, Any] = {"expected_version": seen if isinstance(seen, int) else 0, "actor": viewer.actor}
            patch = partial(patch_program, program_id=program_id, changes=changes, **by, now=now)
            database.written(the.engine, patch)
            return RedirectResponse(Address(_AT, {"program": program_id, "said": do}).but(), 303)
        effect = _tried(the, program_id, changes, viewer=viewer, now=now)
    except Misfilled as wrong:
        errors = wrong.errors
    except WeightsAllZero as wrong:
        errors = {next(iter(DEFAULT_WEIGHTS)): wrong.detail}
    except (Conflict, Invalid, Stale, Unavailable) as problem:
        refused = problem
    with database.transaction(the.engine, writes=False) as db:
        said = _SAID[do] if effect else ""
        return _Desk(db, viewer, program).shown(said=said, form=form, errors=errors, refused=refused, effect=effect)


Rule = tuple[str, str, str]
"""A mentee, a mentor, and what the program says of the two; nothing: that it says nothing."""


def _said(db: DbSession, program_id: str, rule: Rule | None, *, viewer: Viewer, now: datetime) -> Rule | None:
    """Have a program say this of two people. Return what it said before."""
    if rule is None:
        raise NotFound
    mentee, mentor, kind = rule
    known = [one for one in pool.pair_rules(db, program_id) if (one.mentee_id, one.mentor_id) == (mentee, mentor)]
    by: dict[str, Any] = {"program_id": program_id, "mentee_id": mentee, "mentor_id": mentor}
    by |= {"actor": viewer.actor, "now": now}
    if kind:
        pair_rules.put_pair_rule(db, kind=PairRuleKind(kind), **by)
    else:
        with suppress(NotFound):  # pressed twice
            pair_rules.delete_pair_rule(db, **by)
    return (mentee, mentor, known[0].kind) if known else None


def _sealed(rule: Rule | None, program_id: str, the: House) -> str:
    """Return what was said of two people as a value for an address that nobody but us could have made."""
    key = the.settings.secret_key.get_secret_value()
    return credentials.seal(json.dumps(rule).encode(), secret_key=key, purpose=f"undo:{program_id}") if rule else ""


def _opened(token: str, program_id: str, the: House) -> Rule | None:
    key = the.settings.secret_key.get_secret_value()
    told = credentials.unseal(token, secret_key=key, purpose=f"undo:{program_id}") if token else None
    if told is None:
        return None
    mentee, mentor, kind = json.loads(told)
    return mentee, mentor, kind


def _filled(form: Form) -> dict[str, Any]:
    """Return what was filled in, as a patch of the program; nothing is as it ships. Raises Misfilled."""
    usual, team = MatchConstraints(), one(form, "same_team")
    constraints: dict[str, object] = {limit.name: whole(one(form, limit.name)) for limit in _LIMITS}
    constraints["same_team"] = None if team == usual.same_team else team
    constraints["never_repeat"] = "never_repeat" in form or None
    parts: tuple[tuple[str, type[Body], Mapping[str, object]], ...] = (
        ("weights", Weights, {name: whole(one(form, name)) for name in DEFAULT_WEIGHTS}),
        ("constraints", ProgramConstraints, constraints),
        ("", PatchProgram, {"approval": one(form, "approval"), "requests_open": "requests_open" in form}),
    )
    found: dict[str, Any] = {}
    wrong: set[str] = set()
    for name, schema, values in parts:
        try:
            sent = read(schema, values, _WRONG).model_dump(exclude_unset=True)
        except Misfilled as refused:
            wrong |= refused.errors.keys()
        else:
            found |= {name: sent} if name else sent
    if wrong:
        raise Misfilled({name: sentence for name, sentence in _WRONG.items() if name in wrong})
    return found


def _tried(the: House, program_id: str, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Seen:
    """Ask the last run again with these settings, while no transaction is open."""
    said = {part: {k: v for k, v in changes[part].items() if v is not None} for part in ("weights", "constraints")}
    given: dict[str, Any] = {
        "weights": {**DEFAULT_WEIGHTS, **said["weights"]},
        "constraints": asdict(MatchConstraints(**said["constraints"])),
    }
    with database.transaction(the.engine, writes=False) as reading:
        seen = match_simulations.preview(reading, program_id, **given, actor=viewer.actor, now=now)
    answer, found = match_simulations.simulated(seen.simulation, the.settings)
    return lambda db: _effect(db, seen, answer, found, viewer=viewer, now=now)


def _effect(
    db: DbSession,
    seen: match_simulations.Preview,
    answer: MatchAnswer,
    found: Sequence[Difference],
    *,
    viewer: Viewer,
    now: datetime,
) -> Effect:
    run, weights = seen.run, seen.simulation.asked.weights
    placed = [side for one in found for side in (one.before, one.after) if side is not None]
    people = People(people_rows(db, {*(one.mentee for one in found), *(side.mentor for side in placed)}))
    before = [one.before.score for one in found if one.before and one.before.score is not None]
    after = [one.after.score for one in found if one.after and one.after.score is not None]
    moved = [one for one in found if one.change is not PairChange.KEPT]
    return Effect(
        run_id=run.id if run else "",
        at=moment(run.created_at, viewer.person.time_zone, now=now) if run else "",
        changes=drafts.changes(found, people),
        before=sum(before),
        after=sum(after),
        part_before=_part(before, run.weights if run else weights),
        part_after=_part(after, weights),
        rows=[_move(one, people) for one in moved[:_MOST_ROWS]],
        more=max(len(moved) - _MOST_ROWS, 0),
        left=len(answer.unmatched),
    )


def _part(scores: Sequence[int], weights: Mapping[str, int]) -> int:
    """Return how many percent these are of the most that so many pairs could score."""
    return round(100 * sum(scores) / (len(scores) * sum(weights.values()))) if scores else 0


def _move(one: Difference, people: People) -> MoveRow:
    before, after = (people.name(side.mentor) if side else "nobody" for side in (one.before, one.after))
    return MoveRow(people.face(one.mentee), f"{before} to {after}", one.difference)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One look at the settings of a program, the first that the viewer sees from inside unless it is named."""

    db: DbSession
    viewer: Viewer
    named: str

    @property
    def seen(self) -> list[Any]:
        """The programs that the viewer sees from inside."""
        return [one for one in programs.list_programs(self.db, ALL).rows if sees_program(self.viewer.actor, one.id)]

    @property
    def program(self) -> Any:
        """The program. Raises NotFound."""
        found = next((one for one in self.seen if self.named in ("", one.id)), None)
        if found is None:
            raise NotFound
        return found

    @property
    def at(self) -> Address:
        """Where the page is."""
        return Address(_AT, {"program": self.program.id})

    def rules(self) -> list[RuleRow]:
        """Return what the program says of pairs, the oldest first."""
        rows = programs.list_pair_rules(self.db, self.program.id, ALL, actor=self.viewer.actor).rows
        people = People(people_rows(self.db, {who for row in rows for who in (row.mentee_id, row.mentor_id)}))
        return [
            RuleRow(row.mentee_id, row.mentor_id, people.face(row.mentee_id), people.name(row.mentor_id), row.kind)
            for row in rows
        ]

    def shown(
        self,
        *,
        said: str = "",
        undo: str = "",
        form: Form | None = None,
        errors: Mapping[str, str] | None = None,
        refused: Problem | None = None,
        effect: Seen | None = None,
    ) -> Response:
        """Return the page."""
        program, actor = self.program, self.viewer.actor
        found = effective_settings(
            self.db, call_id=None, person_id=None, program_id=program.id, call_type=None, actor=actor
        )
        holds = {setting.name: setting for setting in found}
        status = 409 if isinstance(refused, Stale) else refused.status if refused else 422 if errors else 200
        return page(
            "settings_matching.html",
            status=status,
            viewer=self.viewer.face,
            said=said,
            undo=undo,
            tabs=TABS if sees_the_house(actor) else (),
            at=self.at,
            rules=self.rules(),
            program=program,
            programs=[(one.id, one.name) for one in self.seen],
            weights=list(_weights(holds, form)),
            limits=list(_limits(holds, form)),
            called=setting_words,
            teams=setting_words.TEAMS.items(),
            approvals=setting_words.APPROVALS.items(),
            **_choices(holds, form),
            errors=errors or {},
            refused=_refusal(self.db, refused) if refused else "",
            effect=effect(self.db) if effect else None,
            figures=house_rules(self.db).person_insights,
            may_change=runs_program(actor, program.id),
        )


def _weights(holds: Mapping[str, Effective], form: Form | None) -> Iterator[Row]:
    for name, ships in DEFAULT_WEIGHTS.items():
        held = holds[f"weights.{name}"]
        points = held.value if isinstance(held.value, int) else 0
        yield Row(name, words.TERMS[name], "", points, f"{points:,}", _by(held), f"{ships:,}", _sent(held, name, form))


def _limits(holds: Mapping[str, Effective], form: Form | None) -> Iterator[Row]:
    ships = asdict(MatchConstraints())
    for one_of in _LIMITS:
        held, usual = holds[f"constraints.{one_of.name}"], ships[one_of.name]
        shown, default = (_UNLIMITED if number is None else f"{number:,}" for number in (held.value, usual))
        sent = _sent(held, one_of.name, form)
        yield Row(one_of.name, one_of.label, one_of.hint, 0, shown, _by(held), default, sent)


def _choices(holds: Mapping[str, Effective], form: Form | None) -> dict[str, Any]:
    """Return what is chosen or ticked: as it was sent, or as it holds."""
    team, repeats = holds["constraints.same_team"], holds["constraints.never_repeat"]
    if form:
        boxes = {name: name in form for name in ("never_repeat", "requests_open")}
        return {**boxes, "same_team": one(form, "same_team"), "approval": one(form, "approval")}
    usual = MatchConstraints()
    return {
        "never_repeat": repeats.value if form is None else usual.never_repeat,
        "same_team": team.value if form is None else usual.same_team,
        "requests_open": holds["requests_open"].value,
        "approval": holds["approval"].value,
    }


def _sent(held: Effective, name: str, form: Form | None) -> str:
    """Return what a field has: as it was sent, or what the program says; empty where it says nothing."""
    if form is not None:
        return one(form, name)
    own = next(said.value for said in held.layers if said.layer is SettingLayer.PROGRAM)
    return "" if own is None else str(own)


def _by(held: Effective) -> str:
    return LAYERS[held.layer or SettingLayer.SHIPPED]


def _refusal(db: DbSession, refused: Problem) -> str:
    """Say what is in the way, by name, and what would work."""
    if isinstance(refused, Stale):
        return (
            "Somebody has changed these settings since you looked. What holds now is beside each field: save again to "
            "put yours in its place."
        )
    pair = [str(refused.extra[side]) for side in ("mentee_id", "mentor_id") if side in refused.extra]
    if len(pair) < 2:
        return refused.detail
    people = People(people_rows(db, pair))
    mentee, mentor = map(people.name, pair)
    why = run_words.BETWEEN.get(str(refused.extra.get("constraint")), refused.title)
    kept = "kept together by the program" if "pair_rule_id" in refused.extra else "pinned in the last run"
    return f"{mentee} with {mentor} is {kept}, and would not be possible. {why}: ease that, or let the two go first."
