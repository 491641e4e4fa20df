"""One match run: what it proposes and why, who else there is, what publishing changes, and the buttons for all that."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import credentials
from app import db as database
from app.db import DbSession
from app.errors import Conflict, Gone, Invalid, NotFound, Problem, Stale
from app.house import House
from app.operations import match_edits, match_rivals, match_runs, match_simulations, pair_rules
from app.operations.changes import check_version
from app.operations.runs import WAITING
from app.queries import match_changes, pool, programs, runs
from app.queries.busy import people_rows
from app.queries.house_rules import house_rules
from app.rules.access import runs_program
from app.rules.matching.changes import Difference
from app.vocabulary import MatchApproval, PairRuleKind, RunStatus, Side
from app.web import drafts, run_words
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, TheHouse, Viewer, page_router
from app.web.drafts import People
from app.web.html import page

router = page_router()

Do = Literal["accept", "pin", "unpin", "give", "leave", "never", "undo", "rerun", "drop", "publish"]

_REFUSED = (Conflict, Gone, Invalid, Stale)
_SAID: Mapping[str, str] = {
    "accept": "The rest stays a draft.",
    "pin": "Pinned: another run keeps this pair.",
    "unpin": "Let go: another run may choose anew.",
    "give": "Changed, and pinned.",
    "leave": "Left without a mentor, by hand.",
    "never": "These two are never paired again.",
    "undo": "As it was before.",
    "drop": "Dropped. Nobody was told of it.",
    "publish": "Published. Everybody concerned is told.",
}
_APPROVAL: Mapping[MatchApproval, str] = {
    MatchApproval.NONE: "They begin at once.",
    MatchApproval.ADMIN: "They begin at once.",
    MatchApproval.MENTOR: "Each begins when its mentor says yes.",
    MatchApproval.MENTEE: "Each begins when its mentee says yes.",
    MatchApproval.BOTH: "Each begins when both say yes.",
}
_APPROVAL_OF_ONE: Mapping[MatchApproval, str] = {
    MatchApproval.NONE: "Both are told, and it begins at once.",
    MatchApproval.ADMIN: "Both are told, and it begins at once.",
    MatchApproval.MENTOR: "Both are told, and it begins when the mentor says yes.",
    MatchApproval.MENTEE: "Both are told, and it begins when the mentee says yes.",
    MatchApproval.BOTH: "Both are told, and it begins when both say yes.",
}
_NOBODY = ""
"""The mentor of who is left."""


@dataclass(frozen=True, slots=True)
class Before:
    """How a mentee of a draft was placed: what the button that takes an edit back restores."""

    mentee_id: str
    mentor_id: str
    pinned: bool
    never: str = _NOBODY
    """The mentor from whom the edit keeps them apart."""
    rule: str = ""
    """What the program said of these two before."""


@dataclass(frozen=True, slots=True)
class Look:
    """What of a run is shown besides it: the pair of a mentee, who else there is, and why not one of them."""

    pair: str = ""
    others: bool = False
    rival: str = ""
    cursor: str = ""
    against: str = match_changes.STANDING


@router.get("/matches/runs/{run_id}")
def show_run(
    run_id: str,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    pair: str = "",
    others: bool = False,
    rival: str = "",
    cursor: str = "",
    against: str = match_changes.STANDING,
    said: str = "",
    undo: str = "",
) -> Response:
    """Show a run to those who see its program from inside. A question why not somebody else is solved while no
    transaction is open.
    """
    look = Look(pair, others or bool(rival), rival, cursor, against)
    reasons = _why_not(the, run_id, look, viewer=viewer, now=now) if rival else None
    with database.transaction(the.engine, writes=False) as db:
        return _run_page(db, the, run_id, look, viewer=viewer, now=now, said=said, undo=undo, reasons=reasons)


@router.post("/matches/runs/{run_id}")
def change_run(
    run_id: str,
    do: Do,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    fields: Fields,
    of: str = "",
    seen: int = 0,
    token: str = "",
) -> Response:
    """Do what a button says about the pair `of` a mentee, or about the run as it was `seen` in that version. Pressing
    twice changes nothing; a refusal is said on the page.
    """
    key = the.settings.secret_key.get_secret_value()
    act = _Act(run_id, of, fields.get("mentor", ""), seen, _opened(token, run_id, key), viewer, now)
    try:
        back = database.written(the.engine, lambda db: act.done(db, do))
    except _REFUSED as refused:
        with database.transaction(the.engine, writes=False) as db:
            return _run_page(db, the, run_id, Look(pair=of), viewer=viewer, now=now, refused=refused)
    if isinstance(back, str):
        return RedirectResponse(f"/matches/runs/{back}", 303)
    query = {"pair": of or (act.before.mentee_id if act.before else ""), "said": do, "undo": _sealed(back, run_id, key)}
    return RedirectResponse(Address(f"/matches/runs/{run_id}", {k: v for k, v in query.items() if v}).but(), 303)


@dataclass(frozen=True, slots=True)
class _Act:
    """A press of a button."""

    run_id: str
    of: str
    mentor_id: str
    seen: int
    before: Before | None
    viewer: Viewer
    now: datetime

    def done(self, db: DbSession, do: Do) -> Before | str | None:
        """Do it. Return how it was before, where that can be restored; or the id of the run to go to."""
        by: dict[str, Any] = {"run_id": self.run_id, "actor": self.viewer.actor, "now": self.now}
        match do:
            case "pin" | "unpin" | "give" | "leave" | "never":
                return self._edited(db, do, by)
            case "accept":
                self._accepted(db, by)
            case "undo":
                self._restore(db, by)
            case "rerun":
                return str(match_edits.rerun(db, expected_version=self.seen or None, **by).id)
            case "drop":
                match_edits.cancel_match_run(db, **by)
            case "publish":
                run = match_runs.run_to_change(db, self.run_id, actor=self.viewer.actor)
                if run.status is RunStatus.DRAFT:  # a second press finds it published, and changes nothing
                    check_version(run, self.seen)
                match_runs.publish_match_run(db, **by)
            case _:
                assert_never(do)
        return None

    def _edited(
        self, db: DbSession, do: Literal["pin", "unpin", "give", "leave", "never"], by: Mapping[str, Any]
    ) -> Before:
        run = runs.match_run_by_id(db, self.run_id, actor=self.viewer.actor)
        row = next((one for one in runs.proposed_matches(db, self.run_id) if one.mentee_id == self.of), None)
        had = row.mentor_id if row else _NOBODY
        before = Before(self.of, had, bool(row and row.pinned))
        if do in ("pin", "unpin", "never") and not had:
            raise NotFound
        if do == "never":
            pair = {"program_id": run.program_id, "mentee_id": self.of, "mentor_id": had}
            said = [
                one for one in pool.pair_rules(db, run.program_id) if (one.mentee_id, one.mentor_id) == (self.of, had)
            ]
            who: dict[str, Any] = {"actor": self.viewer.actor, "now": self.now}
            pair_rules.put_pair_rule(db, kind=PairRuleKind.FORBIDDEN, **pair, **who)
            before = Before(self.of, had, before.pinned, never=had, rule=said[0].kind if said else "")
        mentor = {"give": self.mentor_id, "leave": _NOBODY, "never": _NOBODY}.get(do, had)
        pinned = do in ("pin", "give")
        match_edits.put_pair(db, mentee_id=self.of, mentor_id=mentor or None, pinned=pinned, **by)
        return before

    def _accepted(self, db: DbSession, by: Mapping[str, Any]) -> None:
        """Raises Stale when the mentee has another mentor in the draft by now than the page showed."""
        match_runs.accept_pair(db, mentee_id=self.of, **by)
        now = next(one for one in runs.proposed_matches(db, self.run_id) if one.mentee_id == self.of)
        if now.mentor_id != self.mentor_id:
            raise Stale

    def _restore(self, db: DbSession, by: Mapping[str, Any]) -> None:
        if self.before is None:
            raise NotFound
        was = self.before
        who: dict[str, Any] = {"actor": self.viewer.actor, "now": self.now}
        if was.never:
            program_id = runs.match_run_by_id(db, self.run_id, actor=self.viewer.actor).program_id
            pair = {"program_id": program_id, "mentee_id": was.mentee_id, "mentor_id": was.never}
            if was.rule:
                pair_rules.put_pair_rule(db, kind=PairRuleKind(was.rule), **pair, **who)
            else:
                with suppress(NotFound):  # pressed twice
                    pair_rules.delete_pair_rule(db, **pair, **who)
        match_edits.put_pair(db, mentee_id=was.mentee_id, mentor_id=was.mentor_id or None, pinned=was.pinned, **by)


def _sealed(before: Before | str | None, run_id: str, key: str) -> str:
    """Return how it was before as a value for an address that nobody but us could have made."""
    if not isinstance(before, Before):
        return ""
    told = [before.mentee_id, before.mentor_id, before.pinned, before.never, before.rule]
    return credentials.seal(json.dumps(told).encode(), secret_key=key, purpose=f"undo:{run_id}")


def _opened(token: str, run_id: str, key: str) -> Before | None:
    told = credentials.unseal(token, secret_key=key, purpose=f"undo:{run_id}") if token else None
    return Before(*json.loads(told)) if told else None


def _why_not(
    the: House, run_id: str, look: Look, *, viewer: Viewer, now: datetime
) -> Callable[[People, bool], list[str]]:
    """Return why a run does not give a mentee somebody, as sentences once people and whether to tell figures are
    known.
    """
    try:
        with database.transaction(the.engine, writes=False) as db:
            given = match_simulations.explanation(
                db, run_id, mentee_id=look.pair, mentor_id=look.rival, actor=viewer.actor, now=now
            )
        why = match_simulations.explained(given, the.settings)
    except (Conflict, Invalid) as refused:
        said = [refused.detail]
        return lambda _people, _figures: said
    person_of = given.gathered.person_of
    return lambda people, figures: drafts.reasons(why, person_of, people, figures=figures)


def _run_page(
    db: DbSession,
    the: House,
    run_id: str,
    look: Look,
    *,
    viewer: Viewer,
    now: datetime,
    said: str = "",
    undo: str = "",
    reasons: Callable[[People, bool], list[str]] | None = None,
    refused: Problem | None = None,
) -> Response:
    run = runs.match_run_by_id(db, run_id, actor=viewer.actor)
    zone = viewer.person.time_zone
    status = 409 if isinstance(refused, Stale) else refused.status if refused else 200
    program = programs.program_by_id(db, run.program_id)
    words, kind = run_words.STATES[run.status]
    told: dict[str, Any] = {
        "status": status,
        "viewer": viewer.face,
        "said": _SAID.get(said, ""),
        "undo": _undo(the, run, undo),
        "home": "/matches",
        "at": f"/matches/runs/{run.id}",
        "run": run,
        "program": program.name,
        "state": run.status.value,
        "words": words,
        "kind": kind,
        "started": moment(run.created_at, zone, now=now),
        "cause": run_words.CAUSES[run.cause],
        "objective": run_words.OBJECTIVES[run.objective],
        "disruption": run_words.DISRUPTIONS[run.disruption],
        "may_change": runs_program(viewer.actor, run.program_id),
        "approval": _APPROVAL[program.approval],
        "approval_of_one": _APPROVAL_OF_ONE[program.approval],
    }
    if run.inputs_hash is None:
        operation = runs.operation_by_id(db, run.operation_id, actor=viewer.actor)
        error = operation.error or {}
        return page(
            "run_waits.html",
            **told,
            refused=refused.detail if refused else "",
            is_waiting=run.status in WAITING,
            progress=operation.progress,
            error=str(error.get("detail", "")),
        )
    draft = _draft(db, run, look, viewer, now, reasons, refused)
    if said == "accept" and (card := draft["card"]):
        told["said"] = f"{card.row.made} {told['said']}".lstrip()
    return page("match_run.html", **told, **draft)


def _undo(the: House, run: Any, token: str) -> str:
    """Return the address that takes the last edit back; empty when nothing can."""
    key = the.settings.secret_key.get_secret_value()
    if run.status is not RunStatus.DRAFT or _opened(token, run.id, key) is None:
        return ""
    return Address(f"/matches/runs/{run.id}", {"do": "undo", "token": token}).but()


def _draft(
    db: DbSession,
    run: Any,
    look: Look,
    viewer: Viewer,
    now: datetime,
    reasons: Callable[[People, bool], list[str]] | None,
    refused: Problem | None,
) -> dict[str, Any]:
    """Return what is shown of a run that has an answer."""
    figures = house_rules(db).person_insights
    proposed, previous = runs.proposed_matches(db, run.id), runs.run_before(db, run)
    against = look.against if previous is not None and look.against == previous.id else match_changes.STANDING
    is_draft = run.status is RunStatus.DRAFT
    standing = match_changes.changes(db, run.id, match_changes.STANDING, actor=viewer.actor) if is_draft else []
    shown = standing
    if against != match_changes.STANDING:
        shown = match_changes.changes(db, run.id, against, actor=viewer.actor)
    mentee = look.pair or (proposed[0].mentee_id if proposed else "")
    found = match_rivals.rivals(db, run, mentee, now=now) if look.others and is_draft else []
    mentors = [one.row.id for one in pool.enrolled(db, run.program_id, Side.MENTOR)]
    people = People(people_rows(db, _everybody(run, proposed, (*standing, *shown), mentors, refused)))
    rows = drafts.pair_rows(proposed, people, {one.mentee: one for one in standing}, figures=figures)
    card = drafts.card(proposed, rows, mentee, figures=figures)
    part, following = _part(rows, look)
    return {
        "rows": part,
        "next": following,
        "address": Address(f"/matches/runs/{run.id}", {"cursor": look.cursor} if look.cursor else {}),
        "number": next((n for n, row in enumerate(rows, 1) if row.mentee_id == mentee), 0),
        "pairs": len(rows),
        "made": sum(bool(row.made) for row in rows),
        "pinned": sum(row.pinned for row in rows),
        "left": drafts.left_rows(run.unmatched, people),
        "total": sum(row.score for row in proposed),
        "most": max((row.score for row in proposed), default=1),
        "figures": figures,
        "gap": run.bound - run.value if run.bound is not None and run.value is not None else 0,
        "card": card,
        "is_draft": is_draft,
        "mentors": sorted(((who, people.name(who)) for who in mentors), key=lambda one: one[1].casefold()),
        "standing": drafts.changes(standing, people),
        "changes": drafts.changes(shown, people),
        "against": against,
        "previous": previous.id if previous is not None else "",
        "asks": look.others and is_draft,
        "rivals": drafts.rival_rows(found, people, card.row.score if card else 0, figures=figures),
        "rival": look.rival,
        "rival_name": people.name(look.rival) if look.rival else "",
        "reasons": reasons(people, figures) if reasons else [],
        "refused": _refusal(refused, people) if refused else "",
    }


def _everybody(
    run: Any, proposed: Sequence[Any], found: Sequence[Difference], mentors: Sequence[str], refused: Problem | None
) -> set[str]:
    """Return whose names a run's page may need."""
    placed = (side for one in found for side in (one.before, one.after) if side is not None)
    return {
        *(who for row in proposed for who in (row.mentee_id, row.mentor_id)),
        *(one["mentee_id"] for one in run.unmatched),
        *(one.mentee for one in found),
        *(one.mentor for one in placed),
        *mentors,
        *(str(refused.extra[name]) for name in ("mentee_id", "mentor_id") if refused and name in refused.extra),
    }


def _part(rows: Sequence[drafts.PairRow], look: Look) -> tuple[Sequence[drafts.PairRow], str | None]:
    """Return a page of the pairs: what follows the mentee that the cursor names, or the page with the pair that is
    looked at; and the cursor of the next.
    """
    at = {row.mentee_id: n for n, row in enumerate(rows)}
    begin = at[look.cursor] + 1 if look.cursor in at else at.get(look.pair, 0) // drafts.ROWS * drafts.ROWS
    part = rows[begin : begin + drafts.ROWS]
    return part, part[-1].mentee_id if begin + len(part) < len(rows) else None


def _refusal(refused: Problem, people: People) -> str:
    """Say what is in the way, by name, and what would work."""
    if isinstance(refused, Stale):
        return "The draft has changed since you looked. This is how it is now."
    if refused.code == "not_a_draft":
        return "It is no draft any more."
    pair = [str(refused.extra[side]) for side in ("mentee_id", "mentor_id") if side in refused.extra]
    if all(pair) and len(pair) > 1:
        mentee, mentor = (people.name(who) for who in pair)
        why = run_words.BETWEEN.get(str(refused.extra.get("constraint")), refused.title)
        return f"{mentee} with {mentor} is not possible. {why}. Give {mentee} somebody else, or leave them without."
    if refused.code == "not_enrolled":
        return "Choose a mentor of the program."
    return refused.detail
