"""What a Redis URL says. Pure but for the files of certificates, which are read once to know that they can be.

``redis://``, ``rediss://`` (TLS) and ``unix://`` name a server; ``redis+sentinel://`` and ``rediss+sentinel://`` name
Sentinels and the service whose primary they know. The part behind ``?`` may name files for TLS and the Sentinels'
password, nothing else: redis-py would also take time-outs, repeats and "do not verify" from there.

No error quotes the URL: it may hold a password.
"""

import ssl
from typing import Any, Final
from urllib.parse import unquote

from attrs import field, frozen
from redis.connection import SSLConnection, parse_url

from sessiond.core.errors import InvalidInput
from sessiond.stores.redis.topology import Address

__all__ = ["Target", "parse_target"]

_SENTINEL: Final = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
_SENTINEL_PORT: Final = 26379
_REDIS_PORT: Final = 6379

_WHERE: Final = {"host", "port", "path", "db", "username", "password", "connection_class"}
_TLS_OPTIONS: Final = {
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
}
_SENTINEL_OPTIONS: Final = {"sentinel_username", "sentinel_password"}

_NOT_A_URL: Final = (
    "not a Redis URL: redis://, rediss://, unix:// or redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB; "
    "special characters of a password as %XX"
)


@frozen
class Target:
    """A server, or the Sentinels that know where it is."""

    address: Address
    """The server's, or the first Sentinel's."""
    options: dict[str, Any] = field(repr=False)
    """For redis-py's connections to the server; without ``host`` and ``port`` when Sentinels are asked for them."""
    sentinels: tuple[Address, ...] = ()
    service: str = ""
    """What the Sentinels call it."""
    sentinel_options: dict[str, Any] = field(factory=dict, repr=False)
    """For redis-py's connections to the Sentinels."""


def parse_target(url: str) -> Target:
    """Read *url*.

    Raises:
      InvalidInput: it cannot be used as it is; the message says what would be right.

    """
    scheme, _, rest = url.partition("://")
    if scheme in _SENTINEL:
        return _parse_sentinel(_SENTINEL[scheme], rest)
    options = _parse(url)
    _refuse_others(options, _WHERE | _TLS_OPTIONS)
    _check_tls(options)
    path = options.get("path")
    if path:
        return Target(Address(path, 0), options)
    return Target(
        Address(options.get("host", "localhost"), options.get("port", _REDIS_PORT)), options
    )


def _parse_sentinel(scheme: str, rest: str) -> Target:
    netloc, _, tail = rest.partition("/")
    credentials, at, hosts = netloc.rpartition("@")
    path, question, query = tail.partition("?")
    service, _, database = path.partition("/")
    if not service:
        raise InvalidInput("the Redis URL names no service: redis+sentinel://HOST:PORT/SERVICE/DB")
    sentinels = tuple(_parse_address(one) for one in hosts.split(","))
    options = _parse(f"{scheme}://{credentials}{at}sentinel/{database}{question}{query}")
    if database and "db" not in options:
        raise InvalidInput("the Redis URL ends in what is no database: .../SERVICE/0")
    _refuse_others(options, _WHERE | _TLS_OPTIONS | _SENTINEL_OPTIONS)
    _check_tls(options)
    del options["host"]
    own = {name: options.pop(name) for name in _SENTINEL_OPTIONS & options.keys()}
    shared = {name: value for name, value in options.items() if name in _TLS_OPTIONS}
    sentinel_options = (
        shared
        | {name.removeprefix("sentinel_"): value for name, value in own.items()}
        | ({"ssl": True} if scheme == "rediss" else {})
    )
    return Target(sentinels[0], options, sentinels, unquote(service), sentinel_options)


def _parse_address(text: str) -> Address:
    options = _parse(f"redis://{text}") if text and not set(text) & set("/?#@") else {}
    if "host" not in options:
        raise InvalidInput(
            "the Redis URL names Sentinels as HOST:PORT,HOST:PORT; the port may be left out"
        )
    return Address(options["host"], options.get("port", _SENTINEL_PORT))


def _parse(url: str) -> dict[str, Any]:
    try:
        options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:  # its text may quote the password
        raise InvalidInput(_NOT_A_URL) from None
    return options


def _refuse_others(options: dict[str, Any], known: set[str]) -> None:
    if "ssl_cert_reqs" in options:
        raise InvalidInput(
            "the Redis URL has ssl_cert_reqs: certificates are always verified; "
            "name the file of the server's CA with ssl_ca_certs"
        )
    if unknown := options.keys() - known:
        raise InvalidInput(
            f"the Redis URL has options we do not take from there: {sorted(unknown)}"
        )


def _check_tls(options: dict[str, Any]) -> None:
    """See that the files of certificates can be used: a server that is away cannot be told from a wrong name later."""
    tls = options.keys() & _TLS_OPTIONS
    if options.get("connection_class") is not SSLConnection:
        if tls:
            raise InvalidInput(f"the Redis URL has {min(tls)} without TLS: rediss://")
        return
    _try_files(
        "ssl_ca_certs", lambda: _load_ca(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
    )
    _try_files("ssl_certfile", lambda: _load_own(options))


def _try_files(name: str, load: Any) -> None:
    try:
        load()
    except OSError as error:  # also ssl.SSLError
        reason = getattr(error, "reason", None) or error.strerror or "unreadable"
        raise InvalidInput(f"the Redis URL's {name} cannot be used: {reason}") from None


def _load_ca(file: str | None, folder: str | None) -> None:
    if file or folder:
        ssl.create_default_context(cafile=file, capath=folder)


def _load_own(options: dict[str, Any]) -> None:
    chain, key = options.get("ssl_certfile"), options.get("ssl_keyfile")
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Never None: OpenSSL would ask the terminal for the password of an encrypted key.
        context.load_cert_chain(chain, key, options.get("ssl_password") or "")
    elif key:
        raise InvalidInput("the Redis URL has ssl_keyfile without ssl_certfile")
