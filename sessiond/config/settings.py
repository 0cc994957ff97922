"""Everything that can be set, composed of each component's own settings.

A component's settings live beside the component and know nothing of this module; here are their composition, and the
settings of what has no other home. Only ``server`` and ``cli`` read it.

Conventions, which describe.py and load.py rely on: the docstring under a field is its documentation; a name ends in
its unit (``_seconds``, ``_bytes``); bounds are attrs validators; a text with ``repr=False`` is a secret, may be given
as ``<name>_file`` instead, and is never shown.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, le

from sessiond.config.gateways import GatewaySettings
from sessiond.core.conversations.journal import JournalSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.session.limits import SessionLimits
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth.settings import AuthSettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.edges.websocket.limits import WebsocketLimits
from sessiond.net.http1 import HttpLimits
from sessiond.net.listen import AcceptLimits
from sessiond.net.transport import TransportLimits
from sessiond.observability.logs import LogSettings
from sessiond.runtime.awake import DEFAULT_AWAKE
from sessiond.runtime.drain import DrainSettings

__all__ = [
    "Durability",
    "ListenSettings",
    "NodeSettings",
    "RuntimeSettings",
    "Settings",
    "StoreKind",
    "StoreSettings",
    "store_kind",
]

_ORIGIN: Final = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?|\*")


class Durability(StrEnum):
    """What Redis must have done before a commit counts."""

    PRIMARY = "primary"
    """The primary has it in memory and, with ``appendonly yes``, on its way to the disk."""
    FSYNC = "fsync"
    """It is on the primary's disk (``appendfsync always``)."""
    REPLICA = "replica"
    """At least one replica has it (``WAIT 1``)."""


class StoreKind(StrEnum):
    """The stores there are."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    REDIS = "redis"


_SCHEMES: Final = {
    "memory": StoreKind.MEMORY,
    "sqlite": StoreKind.SQLITE,
    "redis": StoreKind.REDIS,
    "rediss": StoreKind.REDIS,
    "unix": StoreKind.REDIS,
    "redis+sentinel": StoreKind.REDIS,
    "rediss+sentinel": StoreKind.REDIS,
}


def store_kind(url: str) -> StoreKind:
    """Tell which store *url* names.

    Raises:
      InvalidInput: it names none, or has no path where one is needed. The message never holds the URL.

    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput("is not a URL") from None
    kind = _SCHEMES.get(parts.scheme)
    if kind is None:
        raise InvalidInput("must begin with memory:, sqlite:, redis:, rediss: or redis+sentinel:")
    if kind is StoreKind.SQLITE and not parts.path.strip("/"):
        raise InvalidInput("needs a file: sqlite:///relative.db, or sqlite:////absolute/path.db")
    return kind


def _is_store_url(_: object, __: "Attribute[str]", value: str) -> None:
    store_kind(value)


def _are_origins(_: object, __: "Attribute[tuple[str, ...]]", value: tuple[str, ...]) -> None:
    for number, origin in enumerate(value):
        if not _ORIGIN.fullmatch(origin):
            raise InvalidInput(f"item {number} is not an origin like https://app.example.com, or *")


@frozen(kw_only=True)
class ListenSettings:
    """Where clients and gateways come in: one port for HTTP and websocket."""

    host: str = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` or ``::`` is every interface."""
    port: int = field(default=4000, validator=[ge(0), le(65535)])
    """TCP port; 0: one that is free, shown at the start."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain. Without it connections are plain, for a proxy in front."""
    tls_key: Path | None = None
    """PEM file with the certificate's private key; without it the key is in the certificate's file."""
    origins: tuple[str, ...] = field(default=(), validator=_are_origins)
    """Origins whose pages may open websockets, like ``https://app.example.com`` or ``https://*.example.com``; ``*``
    is all of them. Empty: only the server's own origin, and clients that send none."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of reverse proxies in front (``10.0.0.0/8``): what they append to ``X-Forwarded-For`` is
    where a request comes from. Empty: the other end of the connection is."""


@frozen(kw_only=True)
class StoreSettings:
    """Where state is kept."""

    url: str = field(default="sqlite:///sessiond.db", repr=False, validator=_is_store_url)
    """``sqlite:///FILE``, ``redis://[USER:PASSWORD@]HOST:PORT/DB``, ``rediss://…``,
    ``redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/SERVICE/DB``, or ``memory:`` (lost at exit)."""
    durability: Durability = Durability.PRIMARY
    """Redis: what it must have done before a commit counts. SQLite always waits for the disk."""
    cluster: bool = False
    """Redis: the URL is one node of a Redis Cluster."""
    prefix: str = "sessiond"
    """Redis: what all keys begin with; deployments that share a Redis need different ones."""
    timeout_seconds: float = field(default=5.0, validator=[gt(0), le(60)])
    """How long one call may take; then nothing is decided and it is sent again."""
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    """``ID:BASE64`` of 32 bytes each: snapshots are encrypted with the first (AES-256-GCM) and read with any of them.
    Empty: not encrypted."""
    compress_over_bytes: int = field(default=1024, validator=ge(0))
    """Snapshots larger than this are compressed; 0: never."""


@frozen(kw_only=True)
class NodeSettings:
    """This node among others."""

    name: str = "node-1"
    """Names the node to the store: the same name takes back at once what it held before a crash, so no two living
    nodes may share one."""
    lease_seconds: float = field(default=10.0, validator=[ge(3), le(300)])
    """How long the others wait for a silent node before they take over."""


@frozen(kw_only=True)
class RuntimeSettings:
    """Actors and commits."""

    lanes: int = field(default=1, validator=[gt(0), le(64)])
    """Commits in flight at once: users are spread over them. More than one helps only a Redis that is far away."""
    batch: int = field(default=256, validator=[gt(0), le(1024)])
    """Users whose changes are written together, at most."""
    mailbox: int = field(default=256, validator=[gt(0), le(65536)])
    """Messages that wait for one user, at most; then his senders are held back."""
    restarts: int = field(default=3, validator=[ge(0), le(100)])
    """Crashes of one user's actor within ``restart_window_seconds`` before he is quarantined; 0: the first one."""
    restart_window_seconds: float = field(default=60.0, validator=gt(0))
    """The time in which they are counted."""
    resident_sessions: int = field(default=100_000, validator=ge(0))
    """Sessions in memory; above it those unused for longest are put away. 0: no bound."""
    awake_dialogues: int = field(default=DEFAULT_AWAKE, validator=gt(0))
    """Users whose flows are in memory as they wait; above it those of who was silent for longest are rebuilt from
    their records when they speak."""
    relaxed_seconds: float = field(default=1.0, validator=[gt(0), le(60)])
    """How long a change of a ``durability="relaxed"`` handler may wait for its write: what a crash may cost."""
    retry_seconds: float = field(default=1.0, validator=[ge(0), le(3600)])
    """Back-off before the one retry of an accepted webhook or timer whose handler failed."""
    begun_in_runs: int = field(default=3, validator=[gt(0), le(100)])
    """Runs of the node that may begin the same webhook or timer without finishing it; then it is dead-lettered."""


@frozen(kw_only=True)
class Settings:
    """All settings of a server."""

    listen: ListenSettings = field(factory=ListenSettings)
    http: HttpLimits = field(factory=HttpLimits)
    accept: AcceptLimits = field(factory=AcceptLimits)
    transport: TransportLimits = field(factory=TransportLimits)
    auth: AuthSettings = field(factory=AuthSettings)
    websocket: WebsocketLimits = field(factory=WebsocketLimits)
    webhook: WebhookSettings = field(factory=WebhookSettings)
    chat: ChatSettings = field(factory=ChatSettings)
    health: HealthSettings = field(factory=HealthSettings)
    gateways: Mapping[str, GatewaySettings] = field(factory=dict)
    """Accounts by name."""
    store: StoreSettings = field(factory=StoreSettings)
    session: SessionLimits = field(factory=SessionLimits)
    session_keys: SessionKeySettings = field(factory=SessionKeySettings)
    flow_sessions: FlowSessionLimits = field(factory=FlowSessionLimits)
    journal: JournalSettings = field(factory=JournalSettings)
    runtime: RuntimeSettings = field(factory=RuntimeSettings)
    drain: DrainSettings = field(factory=DrainSettings)
    node: NodeSettings = field(factory=NodeSettings)
    admin: AdminSettings = field(factory=AdminSettings)
    log: LogSettings = field(factory=LogSettings)
    dev: bool = False
    """Development mode: set by ``sessiond dev`` alone, and then only on loopback."""
