"""Read which addresses take no mail."""

from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import mail_trouble, person
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.rules.access import Actor, sees_the_house


def trouble_with(db: DbSession, email: str) -> str | None:
    """Return why nothing is sent to this address; None when mail may go there."""
    return db.execute(select(mail_trouble.c.why).where(mail_trouble.c.email == email.lower())).scalar()


def list_troubles(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of addresses that take no mail, by name, each with the person whose it is now. One statement."""
    if not sees_the_house(actor):
        raise NotFound
    whose = person.c.email == mail_trouble.c.email
    found = select(mail_trouble, person.c.id.label("person_id")).outerjoin(person, whose)
    return fetch(db, found, page, Order(mail_trouble.c.email, mail_trouble.c.email))
