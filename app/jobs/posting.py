"""Hand one mail over, unless its address takes none, in the words that jobs understand."""

from datetime import timedelta

from app.adapters.mail import MailHeld, MailRefused
from app.db import transaction
from app.jobs.context import Hopeless, JobContext, Later
from app.operations.mail_troubles import note_trouble
from app.queries.mail_troubles import trouble_with


class InTrouble(Hopeless):
    """Nothing is sent to this address until somebody says that it takes mail again. Nobody was asked."""


class Refused(Hopeless):
    """No relay will ever take this mail."""


def post(context: JobContext, *, message_id: str, recipient: str, message: bytes) -> None:
    """Return once a relay has taken the mail over. Repeat it with the same Message-ID and bytes; call it with no
    transaction open.

    Raises `InTrouble` or `Refused`, which are both `Hopeless`; `Later` when now is not the time for any mail, or for
    mail to this domain, which counts as no attempt; `MailRefused` and `MailUnavailable` for another attempt by the
    usual backoff. An address that is refused for good is remembered as a trouble.
    """
    with transaction(context.engine, writes=False) as db:
        trouble = trouble_with(db, recipient)
    if trouble is not None:
        raise InTrouble(f"this address takes no mail: {trouble}")
    try:
        context.outside.mailer.send(message_id, recipient, message)
    except MailHeld as held:
        raise Later(context.clock() + timedelta(seconds=held.seconds), str(held)) from held
    except MailRefused as refusal:
        if not refusal.permanent:
            raise
        why = str(refusal)
        if refusal.blames_address:
            context.write(lambda db: note_trouble(db, email=recipient, why=why, now=context.clock()))
        raise Refused(why) from refusal
