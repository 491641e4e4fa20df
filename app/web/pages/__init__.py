"""One module per family of pages; `ROUTERS` is what the app serves."""

from fastapi import APIRouter

from app.web import assets
from app.web.pages import api_docs, calls, mail, matches, privacy, security, sessions, sign_in, week

ROUTERS: tuple[APIRouter, ...] = (
    week.router,
    calls.router,
    sessions.router,
    matches.router,
    mail.router,
    sign_in.router,
    security.router,
    privacy.router,
    api_docs.router,
    assets.router,
)
