"""Read diallers: for who sees everything."""

from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import dialler_connection
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.sealed import opened
from app.rules.access import Actor, sees_the_house
from app.vocabulary import DiallerStatus


def connection_by_id(db: DbSession, connection_id: str, *, actor: Actor) -> Any:
    """Return one dialler's row. Raises NotFound when absent or not for this actor."""
    _check_sees(actor)
    return first_row(db, select(dialler_connection).where(dialler_connection.c.id == connection_id))


def list_connections(
    db: DbSession, page: PageRequest, *, status: tuple[DiallerStatus, ...] = (), actor: Actor
) -> PageOf[Any]:
    """Return a page of diallers, oldest first. One statement."""
    _check_sees(actor)
    query = select(dialler_connection)
    if status:
        query = query.where(dialler_connection.c.status.in_(status))
    return fetch(db, query, page, Order(dialler_connection.c.id, dialler_connection.c.id))


def secret_in_use(db: DbSession, connection_id: str) -> str:
    """Return what a dialler signs with that is listened to. Raises NotFound when there is none, or it is paused."""
    query = select(dialler_connection.c.secret).where(
        dialler_connection.c.id == connection_id, dialler_connection.c.status == DiallerStatus.ACTIVE
    )
    return opened(db, dialler_connection.c.secret, connection_id, first_row(db, query).secret)


def _check_sees(actor: Actor) -> None:
    if not sees_the_house(actor):
        raise NotFound
