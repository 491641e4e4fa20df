"""Undo imports: thing by thing, each in a transaction of its own, so that nobody waits for all of it."""

from functools import partial

from app.jobs.context import JobContext
from app.operations import import_undo
from app.rules.access import Actor
from app.vocabulary import Role

_REPORTED = 20
"""So many things later its progress is told, and whether it is still wanted asked."""


def undo(job: JobContext) -> None:
    """Put back what an import wrote, in the name of who asked for it. What was tried before is left alone: a job that
    died goes on where it stopped.
    """
    by = job.payload
    role = Role(by["role"])
    actor = Actor(credential_id=by["credential_id"], role=role, person_id=by["person_id"], behind=by["behind"])
    percent: int | None = 0
    done = 0
    while percent is not None:
        if done % _REPORTED == 0:
            job.progress(percent)
        now = job.clock()
        percent = job.write(partial(import_undo.put_back_next, import_id=by["import_id"], actor=actor, now=now))
        done += 1
    job.progress(100)
    job.write(partial(import_undo.finish_undo, import_id=by["import_id"], actor=actor, now=job.clock()))
