"""`earshot serve`."""

from ipaddress import ip_address
from typing import Annotated

import typer

from app.cli.installation import Dir, Port, load, one_sentence, opened
from app.cli.logs import log
from app.cli.saying import say
from app.main import create_app
from app.serving import PortTaken, listening, server, settle
from app.worker import EMBEDDED_THREADS

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def serve(
    dir: Dir = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Serve the API and the pages. On SQLite the worker runs inside."""
    log()
    with one_sentence(PortTaken), listening(host, port) as listener:
        here = _is_loopback(host)
        name = "127.0.0.1" if not here else f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}"
        settings = load(dir, served_at=url, plain_http=here)
        with opened(settings) as engine:
            made = create_app(settings, engine=engine, worker_threads=EMBEDDED_THREADS if settings.embedded else 0)
            say(f"Earshot is at {url} · API docs at {url}/docs · Ctrl-C stops it")
            settle()
            server(made).run(sockets=[listener])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
