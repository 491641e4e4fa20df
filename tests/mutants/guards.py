# ruff: noqa: E501 - pieces of code, as they stand
"""The guard behind each of the forty bugs, and what stands there without it. `docs/forty-bugs.md` names the tests that must
notice. Some guards are what is not done: there, the bug is put in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug put in: a piece of code that stands once in a file, and what stands there instead."""

    bug: int
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        1,
        "app/rules/seating.py",
        "    return next((r for r in ranges if r[0] < ends_at and starts_at < r[1]), None)",
        "    return None",
    ),
    Mutant(
        2,
        "app/rules/seating.py",
        "    return next((r for r in ranges if r[0] < ends_at and starts_at < r[1]), None)",
        "    return next((r for r in ranges if r == (starts_at, ends_at)), None)",
    ),
    Mutant(
        3,
        "app/vocabulary/calls.py",
        "LIVE_SEATS = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED)",
        "LIVE_SEATS = (SeatStatus.CONFIRMED,)",
    ),
    Mutant(
        4,
        "app/operations/invites.py",
        "    mine = next((row for row in found if row.person_id == call.host_id), None)",
        "    mine = None",
    ),
    Mutant(
        5,
        "app/rules/seating.py",
        "    if call.seats_taken >= call.seat_capacity:",
        "    if call.seats_taken > call.seat_capacity:",
    ),
    Mutant(
        6,
        "app/operations/seats.py",
        "    observer = observers[observer_id]\n    return call,",
        '    observer = observers[observer_id]\n    if call.host_id in {row.person_id for row in db.connection().exec_driver_sql("SELECT person_id FROM busy")}:\n        raise SeatsFull("")\n    return call,',
    ),
    Mutant(
        7,
        "app/operations/seats.py",
        "    own = [one for one in calls.live_seats(db, [call.id]) if one.id == seat_id]\n    release_locked(",
        "    own = calls.live_seats(db, [call.id])\n    release_locked(",
    ),
    Mutant(
        8,
        "app/queries/entries.py",
        "            return _of_observer(row, desk, lessons.get(row.type, []))",
        "            return _of_host(row, desk, _observers(db, {row.call_id}).get(row.call_id, []))",
    ),
    Mutant(
        9,
        "app/vocabulary/calls.py",
        "LIVE_SEATS = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED)",
        "LIVE_SEATS = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED, SeatStatus.RELEASED)",
    ),
    Mutant(
        10,
        "app/rules/series.py",
        "        asked = (refusal(one, starts_at, ends_at, house=house, now=now) for one in people)",
        "        asked = (refusal(one, starts_at, ends_at, house=house, now=now) for one in people if len(found) < 2)",
    ),
    Mutant(
        11,
        "app/rules/series.py",
        "            people = [replace(one, load=one_more(one.load, int(starts_at.timestamp()))) for one in people]",
        "            people = list(people)",
    ),
    Mutant(
        12,
        "app/rules/recurrence.py",
        '    return tuple(start for start in starts if start == at or (which == "following" and start > at))',
        '    return tuple(start for start in starts if start == at or which == "following")',
    ),
    Mutant(
        13,
        "app/queries/series.py",
        "            dropped=tuple(at for at in slots if at not in standing),",
        "            dropped=(),",
    ),
    Mutant(
        14,
        "app/operations/series_changes.py",
        "    free_time(db, gone, now=now)\n    db.execute(",
        "    free_time(db, gone, now=now)\n    for one in gone:\n"
        "        db.execute(update(session).where(session.c.id == one).values(status=SessionStatus.CANCELLED))\n"
        "        invites.series_changed(db, series_id=locked.row.series_id, now=now)\n    db.execute(",
    ),
    Mutant(
        15,
        "app/rules/recurrence.py",
        "        starts_at = wall.replace(tzinfo=zone).astimezone(UTC)\n        if rule.until",
        "        starts_at = series.local_start.replace(tzinfo=zone).astimezone(UTC) + (wall - series.local_start)\n        if rule.until",
    ),
    Mutant(
        16,
        "app/rules/availability.py",
        "    return midnight.replace(tzinfo=zone).astimezone(UTC) if len(offsets) == 1 else None",
        "    return midnight.replace(tzinfo=zone).astimezone(UTC) if offsets else None",
    ),
    Mutant(
        17,
        "app/rules/availability.py",
        "exceptions[day] if day in exceptions else weekly",
        "exceptions[day + _DAY] if day + _DAY in exceptions else weekly",
    ),
    Mutant(
        18,
        "app/rules/slots.py",
        "        first = -(-(_up(begins) + east) // step) * step - east",
        "        first = -(-_up(begins) // step) * step - 0 * east",
    ),
    Mutant(
        19,
        "app/rules/slots.py",
        "        parts.append(np.arange(first, min(_up(stops), last + 1), step, dtype=np.int64))",
        "        every = np.arange(first, min(_up(stops), last + 1), step, dtype=np.int64)\n        parts.append(every[((every + east) % 1440 >= 540) & ((every + east) % 1440 < 1020)])",
    ),
    Mutant(
        20,
        "app/operations/sessions.py",
        "    zone: str = plan.time_zone or rows[planner].time_zone",
        "    zone: str = rows[planner].time_zone",
    ),
    Mutant(
        21,
        "app/rules/meeting.py",
        "        return starts_at - self.before, ends_at + self.after",
        "        return starts_at - self.after, ends_at + self.before",
    ),
    Mutant(22, "app/rules/slots.py", "        is_open &= _within_limits(grid, person.load)", "        is_open &= True"),
    Mutant(23, "app/rules/meeting.py", "    if starts_at < earliest(house, now=now):", "    if starts_at < now:"),
    Mutant(
        24,
        "app/rules/loads.py",
        "    return datetime.fromtimestamp(second, ZoneInfo(time_zone)).date()",
        '    return datetime.fromtimestamp(second, ZoneInfo(time_zone and "UTC")).date()',
    ),
    Mutant(
        25,
        "app/operations/sessions.py",
        "    ranges = check_common_time(db, locked.people, (starts_at, ends_at), ignoring=[session_id], now=now)",
        "    ranges = check_common_time(db, locked.people, (starts_at, ends_at), now=now)",
    ),
    Mutant(
        26,
        "app/operations/sessions.py",
        "    free_time(db, [session_id], now=now)\n    take_time(db, session_id, ranges, now=now)\n    ask_anew",
        "    take_time(db, session_id, ranges, now=now)\n    ask_anew",
    ),
    Mutant(
        27,
        "app/queries/busy.py",
        "        or_(claim.c.expires_at.is_(None), claim.c.expires_at > _NOW),\n        claim",
        "        claim",
    ),
    Mutant(
        28, "app/operations/invites.py", "    sequence: int = found.sequence + 1", "    sequence: int = found.sequence"
    ),
    Mutant(
        29,
        "app/operations/invites.py",
        '    _new(db, _people(db, session_id), {"uid": found.uid, "session_id": session_id}, times=found, now=now)',
        '    for one in _people(db, session_id):\n        _new(db, [one], {"uid": f"{one[0]}.{found.uid}", "session_id": session_id}, times=found, now=now)',
    ),
    Mutant(
        30,
        "app/operations/invites.py",
        "    status = EntryStatus.CANCELLED if cancelled else EntryStatus.CONFIRMED\n    return _in_step",
        "    status = EntryStatus.CONFIRMED\n    return _in_step",
    ),
    Mutant(
        31,
        "app/operations/responses.py",
        "    if response is Response.DECLINED and locked.of_seat:",
        "    if response is Response.ACCEPTED and locked.of_seat:",
    ),
    Mutant(
        32,
        "app/ical/write.py",
        '    event.add("uid", _Text(clean(entry.uid)))',
        '    event.add("uid", _Text(clean(f"{id(entry)}.{entry.uid}")))',
    ),
    Mutant(
        33,
        "app/operations/availability.py",
        '            "ends_at": b,',
        '            "ends_at": b + timedelta(days=1),',
    ),
    Mutant(
        34,
        "app/ical/write.py",
        "    if entry.alarm_minutes is not None and not cancelled:",
        "    if entry.alarm_minutes is not None:",
    ),
    Mutant(
        35,
        "app/db.py",
        "        yield db\n        db.commit()\n        for act",
        "        try:\n            yield db\n        finally:\n            db.commit()\n        for act",
    ),
    Mutant(
        36,
        "app/rules/fair.py",
        "    return sorted(everybody, key=lambda one: (credit[one.id] + _load(one), _last(one), one.id))",
        "    return sorted(everybody, key=lambda one: one.id)",
    ),
    Mutant(
        37,
        "app/operations/idempotency.py",
        '    mine = {"credential": credential, "idempotency_key": key}',
        '    mine = {"credential": credential, "idempotency_key": fingerprint}',
    ),
    Mutant(
        38,
        "app/routers/dependencies.py",
        '    try:\n        actor = _let_in(request, the, now)\n    except Unauthenticated:\n        if "authorization" in request.headers:',
        "    count_stranger(request, of_failed_keys(the.settings.failed_keys_per_minute), at=now)\n    try:\n        actor = _let_in(request, the, now)\n    except Unauthenticated:\n        if False:",
    ),
    Mutant(
        39,
        "app/queries/waitlist.py",
        "    return -needs[row.person_id], row.created_at, row.id",
        "    return row.created_at, row.id",
    ),
    Mutant(
        39,
        "app/operations/waitlist.py",
        "    if free < 1 or until <= now or seating.closed(call, now=now):",
        "    if free < 1:",
    ),
    Mutant(40, "app/db.py", '_RETRYABLE = frozenset({"40001", "40P01"})', '_RETRYABLE = frozenset({"40001"})'),
)
