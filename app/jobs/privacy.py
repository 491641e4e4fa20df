"""See to what is left of somebody who was erased."""

from datetime import timedelta

from app.jobs.context import JobContext, Later
from app.operations import operations
from app.operations.erasing import compact, search


def erase(context: JobContext) -> None:
    """Take somebody out of every text of every table and out of the outbox, and leave nothing of it in the files of the
    database. Reads all texts of the house once, in short transactions. Safe to repeat: a repetition begins anew, as
    long as the words are known. Raises `Later` while somebody reads for so long that the files can't be cleared.
    """
    result = search(context.engine, context.settings, context.payload, progress=context.progress)
    if not compact(context.engine):
        raise Later(context.clock() + timedelta(minutes=1), "somebody reads what is to be cleared away")
    operation_id = context.payload["operation_id"]
    context.write(lambda db: operations.succeed(db, operation_id, result=result, now=context.clock()))
