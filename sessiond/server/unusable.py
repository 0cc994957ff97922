"""Settings that a component would refuse when it is built: secrets, keys, networks, rates; and what an app lacks.

Each is tried by itself, with the very function that its component uses, so that ``sessiond check`` and the start name
all of them at once, and cannot come to another opinion than the component. Blocks shortly: key files are read.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from sessiond.app import App
from sessiond.config import Settings
from sessiond.core.conversations.session_keys import (
    PLATFORM_IDENTIFIERS,
    Identifier,
    KeyMode,
    hash_key,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import nearest
from sessiond.core.token_bucket import RateLimit
from sessiond.edges.auth.key_url import check_key_url
from sessiond.edges.auth.keys import read_jwks_file, read_pem_file, shared_secret
from sessiond.edges.http.chat import check_token
from sessiond.edges.http.peers import parse_network
from sessiond.gateways.standard_webhooks import parse_secret
from sessiond.server.stores import seal_key

__all__ = ["find_doubtful", "find_unfit", "find_unusable"]


def find_unusable(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the path of each value that would be refused, and why; no message holds a secret."""
    for path, attempt in chain(
        _listen(settings),
        _auth(settings),
        _webhook(settings),
        _chat(settings),
        _gateways(settings),
        _store(settings),
        _session_keys(settings),
    ):
        try:
            attempt()
        except InvalidInput as error:
            yield path, str(error)


def find_unfit(app: App, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield in which settings *app* and the server do not fit each other, and why; the path ``app``: it is its own."""
    if not app.flows:
        return
    keys = settings.session_keys
    if keys.mode == KeyMode.KEYED and not keys.secret:
        yield "session_keys.secret", _NO_KEY
    elif (app.own_identifier is not None) != (keys.identifier == Identifier.OWN):
        yield (
            "session_keys.identifier",
            'is "own" when, and only when, the app has a function for it: App(own_identifier=…)',
        )
    elif not dict(find_unusable(settings)).keys() & {"session_keys.secret"}:
        try:
            app.book(keys, settings.flow_sessions, settings.journal)
        except InvalidInput as error:
            yield "app", str(error)


def find_doubtful(app: App, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield which settings mean nothing for *app*, which of its flows nothing starts, and why: warnings."""
    if settings.chat.is_on and not app.flows:
        yield (
            "chat",
            f"the app has no flows (@app.flow): whatever is sent to {settings.chat.path} is refused",
        )
    if settings.gateways and not app.flows:
        yield (
            "gateways",
            "the app has no flows (@app.flow): whatever is said on an account is refused",
        )
    yield from _unreachable(app, settings)


def _unreachable(app: App, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield where a flow is said to begin that is not there: nothing would start it, and nothing would say so."""
    platforms, gateways = set(PLATFORM_IDENTIFIERS), {"chat", "websocket"}
    for name, account in settings.gateways.items():
        try:
            gateway = account.open(name).gateway
        except InvalidInput:
            continue  # find_unusable says so
        platforms.add(gateway.platform)
        gateways.add(gateway.name)
    there = ", ".join(sorted(gateways))
    for route in app.routes:
        for one in sorted(set(route.platforms) - platforms):
            what = f"there is no platform {one!r}{nearest(one, sorted(platforms))}"
            yield "app", f"flow {route.flow!r}: {what}"
        for one in sorted(set(route.gateways) - gateways):
            what = f"no account is the gateway {one!r} (there are: {there})"
            yield "app", f"flow {route.flow!r}: {what}{nearest(one, sorted(gateways))}"


_NO_KEY: Final = (
    "the app has flows, whose conversations are found by a keyed hash: set it, or session_keys.secret_file, to what"
    " `openssl rand -base64 32` prints, and keep it: another one finds no conversation of before"
)

_Attempts = Iterator[tuple[str, Callable[[], object]]]


def _auth(settings: Settings) -> _Attempts:
    auth = settings.auth
    if auth.secret is not None:
        yield "auth.secret", partial(shared_secret, auth.secret.encode())
    for path, file, read in (
        ("auth.key_file", auth.key_file, read_pem_file),
        ("auth.jwks_file", auth.jwks_file, read_jwks_file),
    ):
        if (
            file is not None and Path(file).is_file()
        ):  # one that is missing is config/checks.py's finding
            yield path, partial(read, file)
    if auth.jwks_url is not None:
        yield "auth.jwks_url", partial(check_key_url, auth.jwks_url)


def _listen(settings: Settings) -> _Attempts:
    for number, text in enumerate(settings.listen.trusted_proxies):
        yield f"listen.trusted_proxies[{number}]", partial(parse_network, text)


def _webhook(settings: Settings) -> _Attempts:
    webhook = settings.webhook
    for number, text in enumerate(webhook.secrets):
        yield f"webhook.secrets[{number}]", partial(parse_secret, text)
    for hook, texts in webhook.hook_secrets.items():
        for number, text in enumerate(texts):
            yield f"webhook.hook_secrets.{hook}[{number}]", partial(parse_secret, text)
    for number, text in enumerate(webhook.allowed_networks):
        yield f"webhook.allowed_networks[{number}]", partial(parse_network, text)
    if webhook.rate_per_second is not None:
        yield (
            "webhook.rate_per_second",
            partial(RateLimit, webhook.rate_per_second, webhook.rate_burst),
        )


def _chat(settings: Settings) -> _Attempts:
    for number, text in enumerate(settings.chat.tokens):
        yield f"chat.tokens[{number}]", partial(check_token, text)


def _gateways(settings: Settings) -> _Attempts:
    for name, account in settings.gateways.items():
        yield f"gateways.{name}", partial(account.open, name)
        for number, text in enumerate(account.account.networks):
            yield f"gateways.{name}.networks[{number}]", partial(parse_network, text)


def _store(settings: Settings) -> _Attempts:
    for number, text in enumerate(settings.store.encryption_keys):
        yield f"store.encryption_keys[{number}]", partial(seal_key, text)


def _session_keys(settings: Settings) -> _Attempts:
    if settings.session_keys.secret:  # only apps with flows need one
        yield "session_keys.secret", partial(hash_key, settings.session_keys)
