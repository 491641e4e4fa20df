"""Fill in the templates. Everything is escaped unless a template says otherwise, and none does.

A browser may ask for one part of a page again (`X-Fragment`): it gets the block of that name, which holds one element
with that id, and the block `said`, where a page tells what was done.

What many look at is drawn once: `{{ drawn(parts.row, row) }}` is `{{ parts.row(row) }}`, kept for whoever is shown the
same. A macro that is imported knows its arguments and what never changes, so nothing that it draws with could be
missing from what it is kept by.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.runtime import Context, Macro
from markupsafe import Markup

from app.web import navigation, themes
from app.web.assets import asset


class Templates(Environment):
    """Makes each template once, however many threads are the first to ask for it: after a restart all who have a page
    open do, and to make one takes longer than to fill it in for all of them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = Lock()

    def get_template(
        self, name: str | Template, parent: str | None = None, globals: MutableMapping[str, Any] | None = None
    ) -> Template:
        """Return a template. Raises what jinja2 raises."""
        with self._turn:
            return super().get_template(name, parent, globals)


_TEMPLATES = Templates(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals["asset"] = asset
_TEMPLATES.globals["navigation_for_strangers"] = navigation.FOR_STRANGERS
_SAID = "said"
_MOST_DRAWN: Final = 1024
_AROUND: Final = {"theme": themes.chosen}
"""What is not the same for all is no global: macros that are imported would see it."""
_asked: ContextVar[str] = ContextVar("fragment", default="")
"""The part of a page that this request is for; empty: the whole."""


@contextmanager
def fragment(block: str) -> Iterator[None]:
    """Have every `page` that is made meanwhile be this block alone; empty: the whole page."""
    token = _asked.set(block)
    try:
        yield
    finally:
        _asked.reset(token)


@lru_cache(_MOST_DRAWN)
def _drawn(macro: Macro, *shown: object) -> Markup:
    """Return what a macro makes of words, numbers and tuples or frozen dataclasses of such. Times are none: the same
    instant in two zones would be the same.
    """
    return Markup(macro(*shown))  # noqa: S704 - it is one: macros escape


_TEMPLATES.globals["drawn"] = _drawn


def render(template: str, **values: Any) -> str:
    """Return a template's text."""
    return _TEMPLATES.get_template(template).render(_AROUND | values)


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a template as an answer: the part that was asked for, or the whole where it has no such part."""
    asked = _asked.get()
    text = _fragment_text(template, asked, values) if asked else None
    return HTMLResponse(render(template, **values) if text is None else text, status)


def _fragment_text(template: str, block: str, values: dict[str, Any]) -> str | None:
    """Return a block, and `said` after it; None when the template has no such block.

    The whole template runs, for what a block uses is imported and defined outside of it.
    """
    found = _TEMPLATES.get_template(template)
    context, texts = found.new_context(_AROUND | values), dict[str, str]()
    for name in {block, _SAID}:  # in front of the block itself, which its template or one that it extends appends
        context.blocks.setdefault(name, []).insert(0, _overheard(name, texts))
    for _ in found.root_render_func(context):
        pass
    return None if block not in texts else texts[block] + texts.get(_SAID, "")


def _overheard(name: str, texts: dict[str, str]) -> Callable[[Context], Iterator[str]]:
    """Return a block that is the next one of its name, whose text it notes."""

    def text(context: Context) -> Iterator[str]:
        texts[name] = "".join(context.blocks[name][1](context))
        yield texts[name]

    return text
