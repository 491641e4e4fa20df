"""The first steps of a new installation: what is done, and what is next."""

from dataclasses import dataclass
from typing import Any

from fastapi import Response

from app.errors import NotFound
from app.queries.first_steps import first_steps
from app.rules.access import decides_access
from app.web import weeks
from app.web.dependencies import ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page

router = page_router()


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do once."""

    title: str
    words: str
    is_done: bool
    href: str
    """Where it is done; empty when nothing here does it."""
    link: str
    mails_to: str = ""
    """The address to which its button has a sign-in link sent, in place of leading somewhere."""


@router.get("/setup")
def show(db: ReadDb, the: TheHouse, viewer: SignedIn) -> Response:
    """Show an admin how far the house is furnished. Nobody else: they could do nothing here."""
    if not decides_access(viewer.actor):
        raise NotFound
    found = first_steps(db, viewer_id=viewer.person.id)
    steps = (_zone(viewer), _people(found), _skills(found), _calls(found), _calendars(found), _mail(found, the, viewer))
    done = sum(step.is_done for step in steps)
    following = next((step for step in steps if not step.is_done), None)
    return page("setup.html", viewer=viewer.face, steps=steps, done=done, following=following)


def _zone(viewer: Viewer) -> Step:
    zone = viewer.person.time_zone
    is_done = zone != "UTC"
    words = f"You see every time as clocks in {weeks.place(zone)} show it, and others see theirs."
    if not is_done:
        words = "You were added with UTC. Say where you live: every time is shown by your clock."
    return Step("Your time zone", words, is_done, "/me", "Set your zone")


def _people(found: Any) -> Step:
    others = f"{found.people} {'other works' if found.people == 1 else 'others work'} here."
    words = others if found.people else "Bring them in with name, e-mail address, zone and manager, as CSV or JSON."
    return Step("Your people", words, found.people > 0, "/import", "Import people")


def _skills(found: Any) -> Step:
    words = f"{found.skills} skills are in the list. Levels and wishes tell the matching who learns what from whom."
    return Step("Skills and levels", words, found.levels, "/people", "Give levels")


def _calls(found: Any) -> Step:
    words = "Calls come from your CRM, from a file, or from the calendars of who hosts them."
    return Step("Calls", words, found.calls, "/import?kind=calls", "Bring calls in")


def _calendars(found: Any) -> Step:
    words = "Everybody connects their own, so that nobody is booked when they are taken."
    return Step("Calendars", words, found.calendars, "/docs/availability#calendars_create", "Connect a calendar")


def _mail(found: Any, the: TheHouse, viewer: Viewer) -> Step:
    if found.mail:
        words = "A link that was mailed has been used: mail arrives."
    elif the.settings.smtp_host:
        words = "Have a sign-in link sent to yourself. When you have used it, mail works."
    else:
        words = "Mail stays in a folder until Earshot knows your mail server: set EARSHOT_SMTP_HOST and start it again."
    mails_to = viewer.person.email if the.settings.smtp_host else ""
    return Step("Mail", words, found.mail, "", "Try it", mails_to)
