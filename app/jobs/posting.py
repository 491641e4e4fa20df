"""Hand one mail over, unless its address takes none, in the words that jobs understand."""

from datetime import timedelta

from app.adapters.mail import MailHeld, MailRefused
from app.db import transaction
from app.jobs.context import Hopeless, JobContext, Later
from app.operations.mail_troubles import note_trouble
from app.queries.mail_troubles import trouble_with


class Refused(Hopeless):
    """No relay will ever take this mail."""


class InTrouble(Refused):
    """Nor any other to this address, until somebody says that it takes mail again."""


def post(context: JobContext, *, message_id: str, recipient: str, message: bytes, can_wait: bool = False) -> None:
    """Return once a relay has taken the mail over. Repeat it with the same Message-ID and bytes; call it with no
    transaction open. What `can_wait` lets other mail pass.

    Raises `InTrouble` for an address that is refused for good, which is remembered, and then with nobody asked;
    `Refused` for a mail that is; `Later` when now is not the time for any mail, or for mail to this domain, which
    counts as no attempt; `MailRefused` and `MailUnavailable` for another attempt by the usual backoff.
    """
    with transaction(context.engine, writes=False) as db:
        trouble = trouble_with(db, recipient)
    if trouble is not None:
        raise InTrouble(f"this address takes no mail: {trouble}")
    try:
        context.outside.mailer.send(message_id, recipient, message, can_wait=can_wait)
    except MailHeld as held:
        raise Later(context.clock() + timedelta(seconds=held.seconds), str(held)) from held
    except MailRefused as refusal:
        if not refusal.permanent:
            raise
        why = str(refusal)
        if not refusal.blames_address:
            raise Refused(why) from refusal
        context.write(lambda db: note_trouble(db, email=recipient, why=why, now=context.clock()))
        raise InTrouble(f"this address takes no mail: {why}") from refusal
