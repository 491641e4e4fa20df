"""One session: who listens to whom, when, what for, and the way in. Mails and calendars link here."""

from fastapi import Response

from app.ical import write
from app.queries import calls, sessions
from app.queries.entries import Desk, drawn_entries
from app.vocabulary import SessionStatus
from app.web.clocks import times_for
from app.web.dependencies import Now, ReadDb, SignedIn, TheHouse, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.places import outside_place
from app.web.weeks import Week

router = page_router()


@router.get("/s/{session_id}")
def show_session(session_id: str, db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Show a session to those who take part in it."""
    row = sessions.session_with_names(db, session_id, actor=viewer.actor)
    me = viewer.person
    return page(
        "session.html",
        viewer=Face.of(me.id, me.name),
        session=row,
        host=Face.of(row.host_id, row.host_name),
        observer=Face.of(row.observer_id, row.observer_name),
        account=row.account_name or "a customer",
        is_host=row.host_id == me.id,
        is_observer=row.observer_id == me.id,
        is_cancelled=row.status is SessionStatus.CANCELLED,
        is_over=row.ends_at <= now,
        meeting_url=outside_place(row.meeting_url),
        lessons=calls.lessons(db, {row.type}).get(row.type, []),
        times=times_for(row.starts_at, row.ends_at, viewers_zone=me.time_zone, hosts_zone=row.host_time_zone),
        week=Week.of(row.starts_at, me.time_zone),
    )


@router.get("/s/{session_id}/invite.ics")
def download_invite(session_id: str, db: ReadDb, the: TheHouse, viewer: SignedIn) -> Response:
    """Send the file that the API sends for the session, to a browser that has no key: a copy to import, in the
    viewer's own view.
    """
    entry_id = sessions.entry_id_of_session(db, session_id, actor=viewer.actor)
    [drawn] = drawn_entries(db, [entry_id], desk=Desk.of(the.settings))
    content = write.calendar([drawn.fragment().content], method=None)
    headers = {"Content-Disposition": 'attachment; filename="invite.ics"', "Cache-Control": "private, no-store"}
    return Response(content, headers=headers, media_type="text/calendar")
