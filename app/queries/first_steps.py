"""Look how far an installation has come: is there somebody, a level, a call, a calendar, a mail that arrived?"""

from typing import Any

from sqlalchemy import exists, func, select

from app.db import DbSession
from app.models.tables import call, connected_calendar, person, person_skill, sign_in_link, skill
from app.vocabulary import PersonStatus


def first_steps(db: DbSession, *, viewer_id: str) -> Any:
    """Return one row: how many `people` work here beside the viewer, how many `skills` there are, and whether somebody
    has `levels`, there are `calls`, somebody has connected a calendar (`calendars`), and a link that was mailed has
    been used (`mail`). One statement, which stops at the first row where it can.
    """
    others = select(func.count()).where(person.c.id != viewer_id, person.c.status != PersonStatus.LEFT)
    mailed = sign_in_link.c.browser_digest.is_not(None), sign_in_link.c.used_at.is_not(None)
    return db.execute(
        select(
            others.scalar_subquery().label("people"),
            select(func.count()).select_from(skill).scalar_subquery().label("skills"),
            exists(select(person_skill.c.person_id)).label("levels"),
            exists(select(call.c.id)).label("calls"),
            exists(select(connected_calendar.c.id)).label("calendars"),
            exists(select(sign_in_link.c.id).where(*mailed)).label("mail"),
        )
    ).one()
