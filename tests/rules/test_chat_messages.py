"""What chats are posted: it fits the published formats, and no name in it does anything."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.chat import ACTS, Happening, message, read, written
from app.rules.published import TESTED
from app.vocabulary import WebhookFormat
from tests.described import misfits

URL = "https://earshot.example"
SLACK, TEAMS = WebhookFormat.SLACK, WebhookFormat.TEAMS
CALL = Happening(
    path="/calls/call_1",
    starts_at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    call_type="Discovery call",
    company="Northwind Freight",
    host="Mara Okafor",
    free_seats=1,
)
HOSTILE = (
    "<!channel> <!here> <@U012AB3CD> <#C123|x> <https://evil.example|Open in Earshot>",
    "@here @channel @everyone #general",
    "*bold* _it_ ~no~ `code` ```block``` > quote :tada:",
    "[Open](https://evil.example) **bold** # title\n- list ![i](https://evil.example/x.png)",
    "<at>Everyone</at> <script>alert(1)</script> <img src=x onerror=alert(1)>",
    "{{DATE(2017-02-14T06:08:39Z, SHORT)}} {{{x}}} {\u200b{DATE(2017-02-14T06:08:39Z)}} ${secret} @{triggerBody()}",
    "\u202egnihton\u2066 \u200f\x00\x1b[31m\r\nX: y\u2028z",
    "&amp; &lt;!channel&gt; &" * 60,
    "🦊" * 4000,
    "\ud83d",
)


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these fields and no other."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def text(longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, **more}


def slack_text(longest: int, *kinds: str) -> dict[str, Any]:
    """A text object (docs.slack.dev, composition objects): `emoji` goes with plain text, `verbatim` with mrkdwn."""
    plain = closed({"type": {"const": "plain_text"}, "text": text(longest)}, emoji={"type": "boolean"})
    marked = closed({"type": {"const": "mrkdwn"}, "text": text(longest)}, verbatim={"type": "boolean"})
    return {"anyOf": [{"plain_text": plain, "mrkdwn": marked}[kind] for kind in kinds]}


HEADER = closed({"type": {"const": "header"}, "text": slack_text(150, "plain_text")})
SECTION = closed({"type": {"const": "section"}, "text": slack_text(3000, "plain_text", "mrkdwn")})
FIELDS = closed(
    {
        "type": {"const": "section"},
        "fields": {
            "type": "array",
            "minItems": 1,
            "maxItems": 10,
            "items": slack_text(2000, "plain_text", "mrkdwn"),
        },
    }
)
SLACK_MESSAGE = closed(
    {
        "text": text(40_000),
        "blocks": {"type": "array", "minItems": 1, "maxItems": 50, "items": {"anyOf": [HEADER, SECTION, FIELDS]}},
    },
    mrkdwn={"type": "boolean"},
)
"""As far as we use it (docs.slack.dev: incoming webhooks, header block, section block)."""
TEXT_BLOCK = closed(
    {"type": {"const": "TextBlock"}, "text": {"type": "string"}},
    size={"enum": ["default", "small", "medium", "large", "extraLarge"]},
    weight={"enum": ["default", "lighter", "bolder"]},
    wrap={"type": "boolean"},
)
RUN = closed({"type": {"const": "TextRun"}, "text": {"type": "string"}})
RICH = closed({"type": {"const": "RichTextBlock"}, "inlines": {"type": "array", "minItems": 1, "items": RUN}})
OPEN_URL = closed({"type": {"const": "Action.OpenUrl"}, "url": text(2000, pattern="^https?://")}, title=text(100))
CARD = closed(
    {
        "type": {"const": "AdaptiveCard"},
        "version": {"const": "1.4"},
        "body": {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT_BLOCK, RICH]}},
        "actions": {"type": "array", "maxItems": 6, "items": OPEN_URL},
    },
    **{"$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"}},
)
TEAMS_MESSAGE = closed(
    {
        "type": {"const": "message"},
        "attachments": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": closed(
                {"contentType": {"const": "application/vnd.microsoft.card.adaptive"}, "content": CARD},
                contentUrl={"type": "null"},
            ),
        },
    }
)
"""As far as we use it (adaptivecards.io schema 1.4; Microsoft's page on incoming webhooks)."""


def posted(form: WebhookFormat, one: Happening, act: str = ACTS[0]) -> dict[str, Any]:
    made = message(form, act, one, public_url=URL)
    schema = SLACK_MESSAGE if form is SLACK else TEAMS_MESSAGE
    assert list(misfits(schema, made)) == []
    assert len(json.dumps(made).encode()) <= 28 * 1024
    return made


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def parsed_by_slack(made: dict[str, Any]) -> list[str]:
    """What Slack reads as more than text: the sequences of every string, and all that is mrkdwn."""
    marked = [one["text"] for block in made["blocks"] for one in _texts(block) if one["type"] == "mrkdwn"]
    return [*marked, *(found for text in strings(made) for found in re.findall("<[^>]*>", text) if text not in marked)]


def _texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [*block.get("fields", []), *([block["text"]] if "text" in block else [])]


WHEN = "<!date^1795428000^{date_short_pretty} at {time}|2026-11-23 10:00 UTC>"
LINK = "<https://earshot.example/calls/call_1|Open in Earshot>"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_mentions_anybody_or_formats_anything_in_slack(name: str) -> None:
    made = posted(SLACK, Happening(**{**_fields(CALL), "call_type": name, "company": name, "host": name}))

    assert parsed_by_slack(made) == [WHEN, LINK]
    assert made["mrkdwn"] is False
    for one in (one for block in made["blocks"] for one in _texts(block)):
        assert not re.search(r"&(?!amp;|lt;|gt;)", one["text"]), "an entity was cut"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_formats_anything_in_a_card(name: str) -> None:
    made = posted(TEAMS, Happening(**{**_fields(CALL), "call_type": name, "company": name, "host": name}))

    body = made["attachments"][0]["content"]["body"]
    assert [one["text"] for one in body if one["type"] == "TextBlock"] == [
        "A seat came free",
        "{{DATE(2026-11-23T10:00:00Z,SHORT)}} {{TIME(2026-11-23T10:00:00Z)}}",
    ]
    runs = [run["text"] for one in body if one["type"] == "RichTextBlock" for run in one["inlines"]]
    assert len(runs) == 3
    assert not any("{{" in run for run in runs)


@given(st.sampled_from([SLACK, TEAMS]), st.text(), st.text(), st.text())
def test_whatever_names_are_the_message_fits_and_holds_nothing_that_can_not_be_seen(
    form: WebhookFormat, call_type: str, company: str, host: str
) -> None:
    made = posted(form, Happening(**{**_fields(CALL), "call_type": call_type, "company": company, "host": host}))

    told = "".join(strings(made))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]", told)


@pytest.mark.parametrize("act", [*ACTS, TESTED])
@pytest.mark.parametrize("form", [SLACK, TEAMS])
@pytest.mark.parametrize("one", [CALL, Happening(), Happening(path="/s/ses_1", starts_at=CALL.starts_at)])
def test_every_act_has_its_words_whatever_is_known(form: WebhookFormat, act: str, one: Happening) -> None:
    made = posted(form, one, act)

    assert f"{URL}{one.path}" in "".join(strings(made))


def test_slack_is_told_company_type_host_time_and_seats_and_the_way_to_the_call() -> None:
    made = posted(SLACK, CALL)

    assert made["text"] == "A seat came free: Discovery call with Northwind Freight"
    assert made["blocks"][0]["text"]["text"] == "A seat came free"
    assert [one["text"] for one in made["blocks"][1]["fields"]] == [
        "Discovery call with Northwind Freight",
        "Host: Mara Okafor",
        "1 seat free",
        WHEN,
    ]
    assert made["blocks"][2]["text"]["text"] == LINK


def test_a_card_says_the_same() -> None:
    card = posted(TEAMS, Happening(**{**_fields(CALL), "free_seats": 2}))["attachments"][0]["content"]

    runs = [run["text"] for one in card["body"] if one["type"] == "RichTextBlock" for run in one["inlines"]]
    assert runs == ["Discovery call with Northwind Freight", "Host: Mara Okafor", "2 seats free"]
    assert card["actions"][0]["url"] == "https://earshot.example/calls/call_1"


@given(st.builds(Happening, host=st.none() | st.text(), starts_at=st.none() | st.just(CALL.starts_at)))
def test_what_waits_is_read_back_as_it_was_written(one: Happening) -> None:
    assert read(json.loads(json.dumps(written(one)))) == one


def _fields(one: Happening) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Happening.__slots__}
