"""The words of mails as they travel."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from app.rules.messages import CATALOGUE
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import MessageKind, Name

_WORDS: dict[str, Any] = {
    "subject": "{{observer_name}} möchte zuhören: {{call}}",
    "text": "Hallo {{name}},\n\n{{observer_name}} möchte bei {{call}} zuhören, {{when}}.\n\n{{link}}\n",
}


def _readable(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t" for one in text):
        raise ValueError("must be text without control characters")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000), AfterValidator(_readable)
]
"""Several lines."""


class PutMessageTemplate(Body):
    """Words of the house for one kind of mail in one language."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WORDS]})

    subject: Name = Field(description="One line, with tokens such as `{{name}}`.")
    text: Text = Field(description="An empty line begins a paragraph; a URL alone on its line becomes a link.")


class PreviewMessageTemplate(Body):
    """Words to try before they are saved; what is left out is as it holds now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WORDS]})

    subject: Name = absent()
    text: Text = absent()


class TokenRead(Read):
    """Something that a mail can say."""

    name: str
    meaning: str
    example: str


class MessageTemplateRead(Read):
    """The words of one kind of mail in one language."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "kind": "seat_requested",
                    "language": "de",
                    **_WORDS,
                    "tokens": [
                        {
                            "name": "observer_name",
                            "meaning": "Who would like to listen.",
                            "example": "Aisha Khan",
                        }
                    ],
                    "version": 1,
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    kind: MessageKind
    language: str
    subject: str
    text: str
    tokens: list[TokenRead] = Field(description="What can stand in `{{…}}`.")
    version: int = Field(description="0: the words that ship.")
    updated_at: datetime | None

    @classmethod
    def of(cls, found: Any) -> "MessageTemplateRead":
        """Build from `queries.message_templates.Template` and the catalogue."""
        tokens = [
            TokenRead(
                name=token.name,
                meaning=token.meaning,
                example=token.example if isinstance(token.example, str) else "\n".join(token.example),
            )
            for token in CATALOGUE[found.kind].tokens
        ]
        return cls(
            kind=found.kind,
            language=found.language,
            subject=found.words.subject,
            text=found.words.text,
            tokens=tokens,
            version=found.version,
            updated_at=found.updated_at,
        )


class MessagePreviewRead(Read):
    """A mail as its reader would get it, with facts made up for the purpose."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject": "Aisha Khan möchte zuhören: Northwind Freight (discovery)",
                    "text": "Hallo Jo Müller,\n",
                    "html": "<p>Hallo Jo Müller,</p>\n",
                }
            ]
        }
    )

    subject: str
    text: str
    html: str
