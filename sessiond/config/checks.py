"""What settings must satisfy together: errors that keep a server from starting, and warnings.

Pure but for looking whether named files exist. Findings never repeat a secret.
"""

import base64
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from sessiond.config.describe import is_secret
from sessiond.config.gateways import GatewaySettings
from sessiond.config.settings import Settings, StoreKind, store_kind
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.access import AccessSettings
from sessiond.core.gateways.accounts import account_path
from sessiond.core.gateways.port import Template
from sessiond.core.rendering.gsm import fits

__all__ = [
    "DEV_HOOK_PREFIX",
    "DEV_SECRET_PREFIX",
    "Finding",
    "Severity",
    "check_settings",
    "is_loopback",
]

#: What secrets begin with that ``sessiond dev`` makes, so that they are known when they turn up elsewhere.
DEV_SECRET_PREFIX: Final = "dev-only-"

#: The same of webhook secrets: ``whsec_`` and the Base64 of the above.
DEV_HOOK_PREFIX: Final = "whsec_" + base64.b64encode(DEV_SECRET_PREFIX.encode()).decode()

#: The length of ``sun_path`` on Linux, with its final zero byte.
_SOCKET_PATH_BYTES: Final = 108


#: What begins the paths of webhooks.
_HOOKS: Final = "/hooks/"

#: A number of nobody's, to write calls for that are not made.
_SOMEBODY: Final = "+15550100000"

#: What secrets begin with that stand in our documentation: everybody knows them.
_EXAMPLES: Final = (
    "0123456789abcdef0123456789abcdef",
    "a-long-random-text",
    "the-app-secret",
    "the-text-that-meta-repeats",
    "what openssl rand",
)

#: What the other doors serve.
_TAKEN_PATHS: Final = frozenset(
    {"/healthz", "/readyz", "/metrics", "/openapi.json", "/socket/websocket"}
)


#: Which settings say, together, what an account is at its provider.
_IDENTITIES: Final = {
    "whatsapp": ("phone_number_id",),
    "telegram": ("bot_token",),
    "twilio": ("account_sid", "messaging_service_sid", "platform", "sender"),
}


class Severity(StrEnum):
    """Whether a server starts in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Finding:
    """Something that is wrong or unwise about the setting at *path*."""

    severity: Severity
    path: str
    message: str

    def describe(self) -> str:
        """Say it on one line."""
        return f"{self.severity}: {self.path}: {self.message}"


def check_settings(settings: Settings) -> tuple[Finding, ...]:
    """Find everything that does not go together, errors first."""
    found = [
        Finding(severity, path, message)
        for check in _CHECKS
        for severity, path, message in check(settings)
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNING))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_Found = Iterator[tuple[Severity, str, str]]


def _dev(settings: Settings) -> _Found:
    if settings.dev and not is_loopback(settings.listen.host):
        yield Severity.ERROR, "listen.host", "development mode listens on loopback only"
    if settings.dev:
        return
    secrets = {
        "auth.secret": (settings.auth.secret or "",),
        "webhook.secrets": settings.webhook.secrets,
        "chat.tokens": settings.chat.tokens,
        "store.encryption_keys": settings.store.encryption_keys,
        "session_keys.secret": (settings.session_keys.secret,),
    }
    for name, one in settings.gateways.items():
        secrets |= dict(_secrets_of(f"gateways.{name}", one.own))
    for path, values in secrets.items():
        if any(str(value).startswith((DEV_SECRET_PREFIX, DEV_HOOK_PREFIX)) for value in values):
            yield Severity.ERROR, path, "is a secret made by sessiond dev; make a new one"
        if any(str(value).startswith(_EXAMPLES) for value in values):
            yield Severity.WARNING, path, "is an example of the documentation: everybody knows it"


def _secrets_of(path: str, own: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """List the secrets among the settings of a gateway's kind."""
    for attribute in attrs.fields(type(own)):
        value = getattr(own, attribute.name)
        if is_secret(attribute) and isinstance(value, str | tuple):
            yield f"{path}.{attribute.name}", (value,) if isinstance(value, str) else value


def _exposure(settings: Settings) -> _Found:
    listen = settings.listen
    if not settings.dev and not is_loopback(listen.host):
        if listen.tls_certificate is None:
            yield (
                Severity.WARNING,
                "listen.tls_certificate",
                "others can reach this port without TLS: put a proxy with TLS in front, or set it",
            )
        if not listen.origins:
            yield (
                Severity.WARNING,
                "listen.origins",
                "is empty: pages of other origins cannot open websockets",
            )
    if "*" in listen.origins:
        yield Severity.WARNING, "listen.origins", "pages of every origin can open websockets"
    if listen.tls_key is not None and listen.tls_certificate is None:
        yield Severity.ERROR, "listen.tls_key", "needs listen.tls_certificate"


def _files(settings: Settings) -> _Found:
    named = {
        "listen.tls_certificate": settings.listen.tls_certificate,
        "listen.tls_key": settings.listen.tls_key,
        "auth.key_file": settings.auth.key_file,
        "auth.jwks_file": settings.auth.jwks_file,
    }
    for path, file in named.items():
        if file is not None and not Path(file).is_file():
            yield Severity.ERROR, path, "there is no such file"
    socket = settings.admin.socket
    if len(str(socket.absolute()).encode()) >= _SOCKET_PATH_BYTES:
        yield (
            Severity.ERROR,
            "admin.socket",
            f"has {_SOCKET_PATH_BYTES} bytes or more as a whole path",
        )
    elif not socket.absolute().parent.is_dir():
        yield Severity.ERROR, "admin.socket", "its directory does not exist"


def _doors(settings: Settings) -> _Found:
    auth = settings.auth
    if not (auth.secret or auth.key_file or auth.jwks_file or auth.jwks_url):
        yield (
            Severity.WARNING,
            "auth",
            "no key is set (secret, key_file, jwks_file, jwks_url): every token is refused",
        )
    if not (settings.webhook.secrets or settings.webhook.hook_secrets):
        yield Severity.WARNING, "webhook.secrets", "is empty: every webhook is refused"
    if settings.webhook.max_body_bytes > settings.http.body_bytes:
        yield (
            Severity.WARNING,
            "webhook.max_body_bytes",
            "is above http.body_bytes, which counts first",
        )


def _chat(settings: Settings) -> _Found:
    chat = settings.chat
    if not chat.is_on:
        return
    if chat.open and chat.tokens:
        yield Severity.ERROR, "chat.open", "chat.tokens would mean nothing: set one of the two"
    elif chat.open and not settings.dev:
        yield (
            Severity.WARNING,
            "chat.open",
            f"whoever reaches {chat.path} can speak for every phone number: set chat.tokens",
        )
    if not settings.session_keys.secret:
        yield (
            Severity.ERROR,
            "session_keys.secret",
            "is empty: with chat on, phone numbers are hashed with it; `openssl rand -base64 32` makes one",
        )
    if _is_taken(chat.path):
        yield Severity.ERROR, "chat.path", "is another door's"
    if chat.max_body_bytes > settings.http.body_bytes:
        yield (
            Severity.WARNING,
            "chat.max_body_bytes",
            "is above http.body_bytes, which counts first",
        )


def _gateways(settings: Settings) -> _Found:
    """Paths may be secrets: findings do not repeat them."""
    accounts = settings.gateways
    if accounts and not settings.session_keys.secret:
        yield (
            Severity.ERROR,
            "session_keys.secret",
            "is empty: with gateways, phone numbers are hashed with it; `openssl rand -base64 32` makes one",
        )
    owners: dict[str, str] = {}
    for name, one in accounts.items():
        path = account_path(name, one.account)
        if path in owners:
            message = f"is the path of gateways.{owners[path]} as well"
            yield Severity.ERROR, f"gateways.{name}.path", message
        owners.setdefault(path, name)
        if _is_taken(path) or (settings.chat.is_on and path == settings.chat.path):
            yield Severity.ERROR, f"gateways.{name}.path", "is another door's"
        yield from _access(settings, name, one)
        yield from _fallback(name, one)
        yield from _texts(name, one)
    yield from _same_numbers(accounts)


def _same_numbers(accounts: Mapping[str, GatewaySettings]) -> _Found:
    """Tell of two accounts that are one at the provider: a table that was copied, and half changed."""
    owners: dict[object, str] = {}
    for name, one in accounts.items():
        keys = _IDENTITIES.get(one.kind.name, ())
        given = tuple(getattr(one.own, key) for key in keys)
        if not any(given):
            continue
        owner = owners.setdefault((one.kind.name, given), name)
        if owner != name:
            message = f"is that of gateways.{owner} as well: each account is a number, or a bot, of its own"
            yield Severity.WARNING, f"gateways.{name}.{keys[-1]}", message


def _texts(name: str, one: GatewaySettings) -> _Found:
    """Nobody turns the pages of what is said when something went wrong."""
    pages = one.open(name).gateway.limits.pages
    for key in ("wait_text", "failed_text"):
        if pages is not None and not fits(getattr(one.account, key), pages):
            yield Severity.ERROR, f"gateways.{name}.{key}", "is longer than a page of the gateway"


def _fallback(name: str, one: GatewaySettings) -> _Found:
    """Write the template once: that it cannot be is heard otherwise when a window has closed."""
    fallback, calls = one.account.fallback_template, one.open(name).calls
    if fallback is None:
        return
    key = f"gateways.{name}.fallback_template"
    if calls is None:
        yield Severity.ERROR, key, "means nothing: the account only answers"
        return
    template = Template(
        name=fallback.name, language=fallback.language, parameters=fallback.parameters
    )
    try:
        calls.template(template, _SOMEBODY)
    except InvalidInput as error:
        yield Severity.ERROR, key, str(error)


def _access(settings: Settings, name: str, one: GatewaySettings) -> _Found:
    access = one.own
    if not isinstance(access, AccessSettings) or not access.open:
        return
    if access.tokens:
        message = f"gateways.{name}.tokens would mean nothing: set one of the two"
        yield Severity.ERROR, f"gateways.{name}.open", message
    elif not one.account.networks and not settings.dev:
        yield (
            Severity.WARNING,
            f"gateways.{name}.open",
            "whoever finds its path can speak for every phone number: set tokens, or networks",
        )


def _is_taken(path: str) -> bool:
    return path.startswith(_HOOKS) or path in _TAKEN_PATHS


def _store(settings: Settings) -> _Found:
    store = settings.store
    kind = store_kind(store.url)
    if kind is StoreKind.MEMORY and not settings.dev:
        yield Severity.WARNING, "store.url", "memory: everything is lost when the server stops"
    if store.cluster and kind is not StoreKind.REDIS:
        yield Severity.ERROR, "store.cluster", "only Redis has clusters"


def _buffers(settings: Settings) -> _Found:
    if settings.transport.soft_bytes > settings.transport.hard_bytes:
        yield Severity.ERROR, "transport.soft_bytes", "must not be above transport.hard_bytes"


_CHECKS: Final[tuple[Callable[[Settings], _Found], ...]] = (
    _dev,
    _exposure,
    _files,
    _doors,
    _chat,
    _gateways,
    _store,
    _buffers,
)
