"""The audit: for admins and auditors."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from app.errors import NotFound
from app.queries import audit
from app.queries.audit import AuditFilter
from app.queries.audit_file import audit_lines
from app.routers.dependencies import Answer, CurrentActor, Page, ReadDb, Route, TheHouse
from app.routers.private_reads import AUDIT
from app.routers.problems import refusals
from app.schemas.audit import AuditRead
from app.schemas.shapes import Listing
from app.vocabulary import Instant

router = APIRouter(prefix="/v1", tags=["audit"], route_class=Route)

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it", "content": {"text/csv": {"schema": {"type": "string"}}}},
}


def _wanted(
    actor: Annotated[str | None, Query(max_length=64, description="Who did it, by id.")] = None,
    on_behalf_of: Annotated[str | None, Query(max_length=64, description="As whom it was done, by id.")] = None,
    act: Annotated[list[str], Query(max_length=50, description="Such as `person.changed`, or `person.*`.")] = [],
    object: Annotated[str | None, Query(max_length=64, description="What it was done to, by id.")] = None,
    since: Annotated[Instant | None, Query(description="Not before.")] = None,
    until: Annotated[Instant | None, Query(description="Before.")] = None,
) -> AuditFilter:
    return AuditFilter(actor, on_behalf_of, tuple(act), object, since, until)


Wanted = Annotated[AuditFilter, Depends(_wanted)]


@router.get("/audit", operation_id="audit_list", responses=refusals(NotFound), dependencies=[AUDIT])
def list_audit(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer, wanted: Wanted) -> Listing[AuditRead]:
    """List what happened, newest first: changes, sign-ins, refusals and reads of what is private to somebody else."""
    found = audit.list_audit(db, wanted, page, actor=actor)
    return answer.page(found, [AuditRead.model_validate(one) for one in found.rows])


@router.get(
    "/audit.csv",
    operation_id="audit_csv",
    response_class=Response,
    responses=_CSV | refusals(NotFound),
    dependencies=[AUDIT],
)
def get_audit_csv(the: TheHouse, actor: CurrentActor, wanted: Wanted) -> StreamingResponse:
    """Read what happened as a file, newest first. Cells that a spreadsheet would run begin with `'`."""
    audit.check_reads(actor)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "private, no-store"}
    lines = audit_lines(the.engine, wanted)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
