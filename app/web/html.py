"""Fill in the templates. Everything is escaped unless a template says otherwise, and none does."""

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import asset

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals["asset"] = asset


def render(template: str, **values: Any) -> str:
    """Return a template's text."""
    return _TEMPLATES.get_template(template).render(values)


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a template as an answer."""
    return HTMLResponse(render(template, **values), status)
