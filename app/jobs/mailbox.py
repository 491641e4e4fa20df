"""Read each minute what arrived in our mailbox: replies of calendars, and bounces. All else is left to lie."""

import structlog

from app.adapters.imap import MailboxAccount, opened
from app.errors import Forbidden, Unavailable
from app.ical.reply import NotAReply, read_mail
from app.jobs.context import JobContext
from app.operations import mail_troubles, replies
from app.operations.replies import Gate
from app.rules.access import SYSTEM
from app.rules.bounces import NotAReport, bounces

log = structlog.get_logger("earshot.mailbox")

_MOST = 200
"""Mails at once; the next minute has the others."""


def poll(context: JobContext) -> None:
    """Take in what arrived, each mail by itself, and mark it as seen. What breaks on the way is flagged instead, for
    somebody to look at, and never holds up another. Safe to repeat: a mail that is read twice counts once. Raises
    MailboxUnavailable, and Unavailable while the database is away: then the mails stay unseen.
    """
    account = MailboxAccount.of(context.settings)
    if account is None:
        return
    with opened(account) as mailbox:
        for uid in mailbox.unseen(_MOST):
            if context.over.is_set():
                return
            raw = mailbox.fetch(uid)
            try:
                outcome = "too large" if raw is None else take(context, raw)
            except Unavailable:
                raise
            except Forbidden as refusal:
                outcome = refusal.code
            except Exception:
                log.exception("mail set aside", uid=uid)
                mailbox.set_aside(uid)
                continue
            log.info("mail read", uid=uid, outcome=outcome)
            mailbox.mark_seen(uid)


def take(context: JobContext, raw: bytes) -> str:
    """Take in one mail, whatever it is; return what became of it."""
    now = context.clock()
    try:
        found = bounces(raw)
    except NotAReport:
        pass
    else:
        return context.write(lambda db: mail_troubles.take_bounces(db, found=found, actor=SYSTEM, now=now)).outcome
    try:
        mail = read_mail(raw)
    except NotAReply as why:
        return str(why)
    gate = Gate.of(context.settings)
    taken = context.write(lambda db: replies.take_mail(db, mail=mail, gate=gate, actor=SYSTEM, now=now))
    return ", ".join(one.outcome for one in taken)
