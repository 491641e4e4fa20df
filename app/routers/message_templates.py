"""The words of mails."""

from fastapi import APIRouter

from app.errors import Forbidden, NotFound, Stale
from app.operations import message_templates as operations
from app.queries import message_templates
from app.queries.message_templates import UnknownTokens
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.rules.templates import Words, html
from app.schemas.message_templates import (
    MessagePreviewRead,
    MessageTemplateRead,
    PreviewMessageTemplate,
    PutMessageTemplate,
)
from app.schemas.shapes import Listing
from app.vocabulary import Language, MessageKind

router = APIRouter(prefix="/v1/message-templates", tags=["message templates"], route_class=Route)


@router.get("", operation_id="message_templates_list", responses=refusals(NotFound))
def list_message_templates(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[MessageTemplateRead]:
    """List the words of every kind of mail, yours in place of those that ship, by kind and language."""
    found = message_templates.list_templates(db, page, actor=actor)
    return answer.page(found, [MessageTemplateRead.of(row) for row in found.rows])


@router.get("/{kind}/{language}", operation_id="message_templates_get", responses=refusals(NotFound))
def get_message_template(
    kind: MessageKind, language: Language, db: ReadDb, actor: CurrentActor, answer: Answer
) -> MessageTemplateRead:
    """Read the words of one kind of mail in one language. Version 0 are the words that ship, in English."""
    found = message_templates.template_of(db, kind, language, actor=actor)
    return answer.version(found.version, MessageTemplateRead.of(found))


@router.put(
    "/{kind}/{language}",
    operation_id="message_templates_put",
    responses={
        201: {"model": MessageTemplateRead, "description": "Words where there were none of yours"},
        **refusals(Forbidden, NotFound, Stale, UnknownTokens),
    },
)
def put_message_template(
    kind: MessageKind,
    language: Language,
    body: PutMessageTemplate,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> MessageTemplateRead:
    """Use your own words in this kind of mail for whoever reads this language first.

    Those for `pt` are read by readers of `pt-BR` too, unless there are words for these. Tokens that nobody could fill
    in are refused, and the known ones are named.
    """
    words = Words(body.subject, body.text)
    found, new = operations.put_template(
        db, kind=kind, language=language, words=words, expected_version=if_match, actor=actor, now=now
    )
    if new:
        answer.response.status_code = 201
    return answer.version(found.version, MessageTemplateRead.of(found))


@router.delete(
    "/{kind}/{language}",
    status_code=204,
    operation_id="message_templates_delete",
    responses=refusals(Forbidden, NotFound, Stale),
)
def delete_message_template(
    kind: MessageKind, language: Language, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch
) -> None:
    """Take your own words back: the next best language holds again, and in the end the words that ship."""
    operations.delete_template(db, kind=kind, language=language, expected_version=if_match, actor=actor, now=now)


@router.post(
    "/{kind}/{language}/preview",
    operation_id="message_templates_preview",
    responses=refusals(NotFound, UnknownTokens),
)
def preview_message_template(
    kind: MessageKind, language: Language, body: PreviewMessageTemplate, db: ReadDb, actor: CurrentActor
) -> MessagePreviewRead:
    """See a mail as its reader would get it, with made-up facts.

    It is in the words given, else in those that hold for readers of this language. Nothing is saved or sent.
    """
    shown = message_templates.preview(db, kind, language, subject=body.subject, text=body.text, actor=actor)
    return MessagePreviewRead(subject=shown.subject, text=shown.text, html=html(shown.text))
