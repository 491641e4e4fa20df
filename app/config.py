"""Settings: read once from the environment at the start, then passed along."""

import secrets
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.files import keep
from app.vocabulary import Email

# One wrong digit in a network must not make a name of it: names end in a label that begins with a letter.
_HostName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9_-]+\.)*[a-z][a-z0-9-]*$", max_length=253)]
AllowedPlace = Annotated[IPv4Network | IPv6Network | _HostName, Field(union_mode="left_to_right")]
ServedName = Annotated[IPv4Address | IPv6Address | _HostName, Field(union_mode="left_to_right")]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """Everything that differs between installations. Environment variables carry the prefix EARSHOT_."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_", env_file=".env", extra="ignore", frozen=True)

    dir: Path = Path(".earshot")
    """Folder of the embedded database, the outbox, feeds and the report."""
    database_url: str = ""
    """`postgresql+psycopg://…`; empty means SQLite inside `dir`."""
    public_url: str = "http://127.0.0.1:8000"
    """Where people reach the service: links, feeds and cookies are made from it."""
    allowed_hosts: Annotated[tuple[ServedName, ...], NoDecode] = ()
    """Other names that the service answers to: `earshot.intranet, 10.1.2.3`."""
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks of the reverse proxies in front of the service: of who asks, nobody else is believed."""
    proxy_header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """Where they say it: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239); the other is a client's."""
    secret_key: SecretStr = SecretStr("")
    """Signs cursors and links; made at the first start in `dir` when not given."""
    vault_keys: SecretStr = SecretStr("")
    """Seal what is secret in the database, `id:base64` with blanks between: the first seals, all open. When not given,
    they are lines of `dir`/vault.keys, which the first start makes.
    """
    mail_from: Email = "earshot@earshot.example"
    """The mailbox that invites come from; the ORGANIZER of every entry."""
    smtp_host: str = ""
    """Empty means that mail is written to `dir`/outbox."""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: Annotated[str, Field(pattern="^(starttls|tls|none)$")] = "starttls"
    mail_per_domain_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 120
    """Mails that one process hands over for one domain in any minute at most."""
    mail_authserv_id: Annotated[str, Field(pattern="^[A-Za-z0-9._-]*$")] = ""
    """Name that our own mail gateway gives itself in Authentication-Results (RFC 8601). It must put one on top of each
    mail, for what it says there of the sender is believed; empty believes none.
    """
    reply_to: Email | Literal[""] = ""
    """Mailbox to which invites ask for replies, at an address with a `+` for each of them; empty asks for none."""
    imap_host: str = ""
    """Where replies and bounces are read; empty means that a gateway hands them in."""
    imap_port: Annotated[int, Field(ge=1, le=65535)] = 993
    imap_username: str = ""
    imap_password: SecretStr = SecretStr("")
    imap_tls: Annotated[str, Field(pattern="^(starttls|tls|none)$")] = "tls"
    imap_folder: str = "INBOX"
    """Whatever arrives there is read and marked as seen: no folder for people."""
    oidc_issuer: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s?#]+)?$", max_length=255)] = ""
    """OpenID provider at which people can sign in, by its issuer; empty means none. Its redirect address is
    `public_url`/login/oidc/callback.
    """
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "your company account"
    """What people call it: it stands on the button."""
    pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Database connections of one process at most (PostgreSQL), beside four that answer who fetches calendars."""
    outbound_allow: Annotated[tuple[AllowedPlace, ...], NoDecode] = ()
    """Networks and hosts that requests may go to although they are not public: `10.1.0.0/16, radicale.intranet`."""
    solver_seconds: Annotated[int, Field(ge=20, le=540)] = 120
    """A run that takes longer is stopped; a plan is then the best one found 20 seconds before."""
    solver_mebibytes: Annotated[int, Field(ge=256, le=1_048_576)] = 1536
    """A run that needs more memory is stopped."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Of one API key, for which nothing else was said; each process counts for itself."""
    feed_requests_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    """Of one calendar subscription, whoever fetches it; each process counts for itself."""
    failed_keys_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """API keys that do not work, from one network: those beyond are told to wait, which keeps nobody else out."""
    allow_plain_http: bool = False
    """Let sign-in cookies travel without TLS: for use on one's own machine only."""

    @field_validator("outbound_allow", "allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return (
            [place.strip().lower() for place in given.split(",") if place.strip()] if isinstance(given, str) else given
        )

    def cookie_name(self, name: str) -> str:
        """Return the full name of a cookie. `__Host-` makes browsers insist on TLS, this host and every path."""
        return name if self.allow_plain_http else f"__Host-{name}"

    @property
    def hosts(self) -> frozenset[str]:
        """Names that a request may be for: ours, and without TLS also this machine's own, which no stranger's name can
        be made to mean in a browser.
        """
        public = urlsplit(self.public_url)
        near = _LOOPBACK if public.scheme == "http" else ()
        return frozenset({public.hostname or "", *map(str, self.allowed_hosts), *near}) - {""}

    @property
    def url(self) -> str:
        """The database that this installation uses."""
        return self.database_url or f"sqlite:///{self.dir.resolve() / 'earshot.db'}"

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of ours, so that one process is the whole service."""
        return self.url.startswith("sqlite")

    @property
    def database_file(self) -> Path:
        """The file of the embedded database; the first start makes it."""
        return Path(self.url.partition(":///")[2].partition("?")[0])

    @property
    def outbox(self) -> Path:
        """Where mail is put when no SMTP server is configured."""
        return self.dir / "outbox"


def load(**given: object) -> Settings:
    """Read the settings, make the data folder, and keep a secret key in it (mode 0600) when none was given."""
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    settings.dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # everybody's data will be in it
    if settings.secret_key.get_secret_value():
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(_kept_secret(settings.dir / "secret.key"))})


def _kept_secret(path: Path) -> str:
    keep(path, secrets.token_urlsafe(48))
    kept = path.read_text().strip()
    if len(kept) < 32:
        raise ValueError(f"{path.name} in the data folder holds no key: delete the file, and a new one is made.")
    return kept
