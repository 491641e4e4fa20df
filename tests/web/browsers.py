"""Browsers as the tests drive them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from sqlalchemy import select

from app.db import DbSession, transaction
from app.models.tables import event, event_detail
from app.operations.seats import book_seat
from app.operations.sign_in import create_sign_in_link
from app.rules.access import SYSTEM
from tests.harness import Api
from tests.jobs.house import House

OURS = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a form on our own page."""


@dataclass
class Site:
    """The served pages."""

    api: Api

    @contextmanager
    def db(self) -> Iterator[DbSession]:
        """Write to the database behind the pages."""
        with transaction(self.api.engine, writes=True) as session:
            yield session

    def browser(self) -> httpx.Client:
        """Open a browser with an empty cookie jar."""
        client = self.api.client()
        client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
        return client

    def link(self, person_id: str) -> str:
        """Make a sign-in link and return its path."""
        with self.db() as db:
            secret = create_sign_in_link(db, person_id=person_id, actor=SYSTEM, now=self.api.clock())
        return f"/login/t/{secret}"

    def mailed_links(self) -> list[str]:
        """Send the mail that waits, and return the sign-in links of all that was ever sent, as paths."""
        House(self.api.engine, self.api.settings, self.api.clock).work()
        mails = sorted(self.api.settings.outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        found = (re.search(rb"/login/t/[0-9a-z]+", mail.read_bytes().replace(b"=\r\n", b"")) for mail in mails)
        return [link[0].decode() for link in found if link]

    def refusals(self) -> list[str]:
        """The codes of the refusals of which the audit has a line."""
        noted = select(event_detail.c.detail).join(event, event.c.id == event_detail.c.event_id)
        with self.db() as db:
            rows = db.execute(noted.where(event.c.act.like("%.refused")).order_by(event.c.sequence)).scalars()
            return [detail["code"] for detail in rows]

    def signed_in(self, person_id: str) -> httpx.Client:
        """Open a browser in which this person is signed in."""
        client = self.browser()
        assert client.post(self.link(person_id), headers=OURS).status_code == 303
        return client

    def seat(self, call_id: str, *observer_ids: str) -> None:
        """Book a seat on a call for each of these."""
        with self.db() as db:
            for observer_id in observer_ids:
                book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=self.api.clock())
