"""What pages show of the draft of a match run: its pairs, who is left, what publishing it changes, and who else could
have whom.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.operations.match_rivals import Rival
from app.rules.matching.changes import Difference
from app.rules.matching.problem import WhyNot
from app.vocabulary import PairChange
from app.web import run_words, words
from app.web.faces import Face

ROWS = 50
"""Pairs on a page."""
_MOST_RIVALS = 6
_GONE = "Somebody"


@dataclass(frozen=True, slots=True)
class People:
    """The people of a run, by id."""

    rows: Mapping[str, Any]

    def name(self, person_id: str) -> str:
        """Return how somebody is called."""
        return self.rows[person_id].name if person_id in self.rows else _GONE

    def face(self, person_id: str) -> Face:
        """Return how somebody is shown."""
        return Face.of(person_id, self.name(person_id))


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair in the list; `score` is None where the house shows no figures about people."""

    mentee_id: str
    mentor_id: str
    mentee: Face
    mentor: Face
    score: int | None
    pinned: bool
    by_hand: bool
    change: str
    """What publishing would make of it, or what became of it since it was accepted; empty when nothing is known."""
    kind: str
    made: str
    """What happens now that it was accepted or published, as a sentence; empty while it is only proposed."""
    stays: bool
    """Whether they are matched without it, and publishing it would keep that."""


@dataclass(frozen=True, slots=True)
class PairCard:
    """The pair that is looked at closely."""

    row: PairRow
    mentees: int
    """How many the mentor has in the draft."""
    terms: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class LeftRow:
    """A mentee whom the run leaves without a mentor."""

    mentee_id: str
    face: Face
    why: str
    """Sentences: the reason, who is ruled out by what, and what would work."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How many mentees keep their mentor, get one, move or lose theirs; and those who move or lose."""

    kept: int
    added: int
    moved: int
    unmatched: int
    lines: Sequence[tuple[Face, str]]
    more: int


@dataclass(frozen=True, slots=True)
class RivalRow:
    """Somebody who could be the mentor instead."""

    mentor_id: str
    face: Face
    score: int | None
    why: str
    may_swap: bool


def pair_rows(
    proposed: Sequence[Any], people: People, found: Mapping[str, Difference], *, figures: bool
) -> list[PairRow]:
    """Return the pairs of a draft in their order."""
    return [_pair_row(row, people, found.get(row.mentee_id), figures=figures) for row in proposed]


def _pair_row(row: Any, people: People, one: Difference | None, *, figures: bool) -> PairRow:
    change, kind, made = _change(one, people), _KINDS[one.change] if one else "", ""
    if row.match_id is not None:
        change, kind, made = run_words.MADE[row.match_status]
    return PairRow(
        mentee_id=row.mentee_id,
        mentor_id=row.mentor_id,
        mentee=people.face(row.mentee_id),
        mentor=people.face(row.mentor_id),
        score=row.score if figures else None,
        pinned=row.pinned,
        by_hand=row.by_hand,
        change=change,
        kind=kind,
        made=made.format(mentee=people.name(row.mentee_id), mentor=people.name(row.mentor_id)),
        stays=row.match_id is None and one is not None and one.change is PairChange.KEPT,
    )


_KINDS = {PairChange.KEPT: "", PairChange.ADDED: "good", PairChange.MOVED: "open", PairChange.UNMATCHED: "bad"}


def _change(one: Difference | None, people: People) -> str:
    match one:
        case Difference(change=PairChange.KEPT):
            return "Stays"
        case Difference(change=PairChange.ADDED):
            return "New"
        case Difference(change=PairChange.MOVED, before=before) if before:
            return f"Instead of {people.name(before.mentor)}"
        case _:
            return ""


def card(proposed: Sequence[Any], rows: Sequence[PairRow], mentee_id: str, *, figures: bool) -> PairCard | None:
    """Return the pair of this mentee, what speaks for it most first; None when they have none."""
    at = next((n for n, row in enumerate(rows) if row.mentee_id == mentee_id), None)
    if at is None:
        return None
    terms = sorted(proposed[at].terms.items(), key=lambda term: (-term[1], term[0])) if figures else []
    named = [(words.TERMS.get(name, "A criterion that is no more"), points) for name, points in terms if points]
    mentees = sum(row.mentor_id == rows[at].mentor_id for row in rows)
    return PairCard(rows[at], mentees, named)


def left_rows(unmatched: Sequence[Mapping[str, Any]], people: People) -> list[LeftRow]:
    """Return who is left, and why."""
    return [
        LeftRow(
            mentee_id=one["mentee_id"],
            face=people.face(one["mentee_id"]),
            why=". ".join(filter(None, _why_left(one))) + ".",
        )
        for one in unmatched
    ]


def _why_left(one: Mapping[str, Any]) -> tuple[str, str, str]:
    why = run_words.WITHOUT.get(one["reason"], "Left without")
    return why, _excluded(one["excluded"]), run_words.REMEDIES.get(one["reason"], "")


def _excluded(counts: Mapping[str, int]) -> str:
    """Return how many mentors each constraint excludes, most first: `Ruled out: 3 by working hours, 1 by grades`."""
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    told = [f"{count} by {run_words.RULES[name]}" for name, count in most if name in run_words.RULES]
    return f"Ruled out: {', '.join(told)}" if told else ""


def changes(found: Sequence[Difference], people: People) -> Changes:
    """Return what publishing would make of the matches that stand, or what another run says differently."""
    counts = Counter(one.change for one in found)
    told = [one for one in found if one.before and one.change in (PairChange.MOVED, PairChange.UNMATCHED)]
    lines = [
        (
            people.face(one.mentee),
            f"{people.name(one.before.mentor)} to {people.name(one.after.mentor) if one.after else 'nobody'}",
        )
        for one in told[:_MOST_LINES]
        if one.before
    ]
    return Changes(
        kept=counts[PairChange.KEPT],
        added=counts[PairChange.ADDED],
        moved=counts[PairChange.MOVED],
        unmatched=counts[PairChange.UNMATCHED],
        lines=lines,
        more=max(len(told) - _MOST_LINES, 0),
    )


_MOST_LINES = 8


def rival_rows(found: Sequence[Rival], people: People, score: int | None, *, figures: bool) -> list[RivalRow]:
    """Return the rivals worth a look: those without an obstacle, then the best of the others."""
    return [
        RivalRow(
            mentor_id=one.mentor_id,
            face=people.face(one.mentor_id),
            score=one.score if figures else None,
            why=_why(one, people, score if figures else None),
            may_swap=one.obstacle is None,
        )
        for one in found[:_MOST_RIVALS]
    ]


def _why(one: Rival, people: People, score: int | None) -> str:
    if one.obstacle == "no_capacity" and one.mentees:
        return f"Full: has {_and([people.name(who) for who in one.mentees])}"
    if one.obstacle is not None:
        return run_words.BETWEEN.get(one.obstacle, "Not possible")
    if score is None:
        return "Possible"
    if one.score == score:
        return "As good for the two: others fit better so"
    return (
        f"{score - one.score:,} less"
        if one.score < score
        else f"{one.score - score:,} more, but others would lose more"
    )


def _and(names: Sequence[str]) -> str:
    """Return names as people say them; of many, two and a number."""
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def reasons(why: WhyNot, person_of: Mapping[str, str], people: People, *, figures: bool) -> list[str]:
    """Say why a run does not give somebody this mentor, and what would have to change: sentences."""
    mentor = people.name(person_of[why.mentor])
    if why.hurdles:
        said = [f"{run_words.BETWEEN.get(one.blocker, 'A rule')}. {one.change}" for one in why.hurdles]
        then = (
            "Without that, a run would propose them."
            if why.proposed
            else "Even without that, a run would choose otherwise."
        )
        return [*said, then]
    if why.proposed:
        return ["A run that was started now would propose them."]
    said = []
    if why.instead and figures and why.score_gap > 0:
        said.append(f"{people.name(person_of[why.instead.mentor])} scores {why.score_gap:,} more.")
    for move in why.moves[1:]:
        before = people.name(person_of[move.from_mentor]) if move.from_mentor else "nobody"
        after = people.name(person_of[move.to_mentor]) if move.to_mentor else "nobody"
        gap = f" ({move.score_after - move.score_before:+,} points)".replace("-", "−") if figures else ""
        said.append(f"{people.name(person_of[move.mentee])} would go from {before} to {after}{gap}.")
    if why.matched_fewer:
        said.append(f"{why.matched_fewer} fewer would have a mentor.")
    if figures and why.value_lost > 0:
        said.append(f"All in all {why.value_lost:,} points would be lost.")
    if why.place_needed:
        said.append(f"It would be so if {mentor} had one more place.")
    if figures and why.points_needed:
        said.append(f"It would be so if the pair had {why.points_needed:,} points more.")
    return said or ["Both are as good, and one had to be chosen."]
