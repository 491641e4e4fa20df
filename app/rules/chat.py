"""What a chat is posted of an event: a Slack message (Block Kit), or an Adaptive Card 1.4 for a Teams workflow.

It tells no more than company and type of call, host, time and free seats. Names are put only where a chat reads no
markup, so a name is a name, whatever is in it: no mention, link or format. Sources: Slack's references of incoming
webhooks, text objects and formatting; the Adaptive Cards schema 1.4 and Microsoft's page on incoming webhooks.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.rules.published import TESTED
from app.vocabulary import WebhookFormat

ACTS = ("call.seat_opened", "call.door_opened", "session.debrief_due", "power_hour.created", "power_hour.changed")
"""What a chat hears of, and no more."""
_LONGEST = 200
"""Of a name. Escaped it still fits into a field of Slack's (2,000 characters) and of a card (28 KB in all)."""
_TITLES = {
    "call.seat_opened": "A seat came free",
    "call.door_opened": "A door is open: listen in now",
    "session.debrief_due": "A debrief is due",
    "power_hour.created": "A power hour is planned",
    "power_hour.changed": "A power hour has changed",
    TESTED: "Earshot can post here",
}
_JOINERS = "\u200c\u200d"
"""Invisible, but Persian, Hindi and many an emoji are not written without them."""
_OPENING = re.compile(r"\{(?=\{)")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Happening:
    """What a chat is told of something; `path` leads to the page about it."""

    path: str = "/"
    starts_at: datetime | None = None
    call_type: str | None = None
    company: str | None = None
    host: str | None = None
    free_seats: int | None = None

    def lines(self) -> list[str]:
        """Return what there is to say beside the time, as plain text of one line each."""
        call = " with ".join(_plain(name) for name in (self.call_type, self.company) if name)
        host = f"Host: {_plain(self.host)}" if self.host else ""
        seats = "" if self.free_seats is None else f"{self.free_seats} seat{'' if self.free_seats == 1 else 's'} free"
        return [line for line in (call, host, seats) if line]


def written(one: Happening) -> dict[str, Any]:
    """Return it as JSON, for as long as it waits."""
    return {**asdict(one), "starts_at": one.starts_at and one.starts_at.isoformat()}


def read(data: Mapping[str, Any]) -> Happening:
    """Return what `written` wrote."""
    starts_at = data["starts_at"]
    return Happening(**{**data, "starts_at": starts_at and datetime.fromisoformat(starts_at)})


def message(form: WebhookFormat, act: str, one: Happening, *, public_url: str) -> dict[str, Any]:
    """Return what is posted to a chat of an act. The client of whoever reads it writes the time in their zone."""
    title, url = _TITLES[act], public_url.rstrip("/") + one.path
    return _slack(title, one, url) if form is WebhookFormat.SLACK else _teams(title, one, url)


def _slack(title: str, one: Happening, url: str) -> dict[str, Any]:
    lines = [_slack_text(line) for line in one.lines()]
    if one.starts_at is not None:
        at = one.starts_at.astimezone(UTC)
        when = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at:%Y-%m-%d %H:%M} UTC>"
        lines.append({"type": "mrkdwn", "text": when, "verbatim": True})
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}]
    if lines:
        blocks.append({"type": "section", "fields": lines})
    link = {"type": "mrkdwn", "text": f"<{_escaped(url)}|Open in Earshot>", "verbatim": True}
    blocks.append({"type": "section", "text": link})
    said = ": ".join([title, *one.lines()[:1]])
    return {"text": _escaped(said), "mrkdwn": False, "blocks": blocks}


def _slack_text(line: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(line), "emoji": False}


def _escaped(text: str) -> str:
    """Write the three characters with which Slack's own sequences begin and end as it wants them in any text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(title: str, one: Happening, url: str) -> dict[str, Any]:
    heading = {"type": "TextBlock", "text": title, "size": "medium", "weight": "bolder", "wrap": True}
    # A TextRun reads no Markdown, as a TextBlock and the values of a FactSet do.
    lines = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in one.lines()]
    body: list[dict[str, Any]] = [heading, *lines]
    if one.starts_at is not None:
        at = f"{one.starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        when = f"{{{{DATE({at},SHORT)}}}} {{{{TIME({at})}}}}"
        body.append({"type": "TextBlock", "text": when, "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": "Open in Earshot", "url": url}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _plain(name: str) -> str:
    """Return a name as one line of what can be seen: nothing that turns text around, and no opening of a token, which
    clients fill in wherever they find one.
    """
    seen = "".join(" " if c.isspace() else c for c in name if c.isspace() or _is_seen(c))
    line = _OPENING.sub("{ ", " ".join(seen.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _is_seen(c: str) -> bool:
    return c in _JOINERS or unicodedata.category(c) not in _UNSEEN
