"""Heads of requests (sessiond/net/heads.py)."""

import h11
import pytest

from sessiond.net.heads import Head, decode_head


def head(*headers: tuple[str, str], target: str = "/a?b=c?d", version: str = "1.1") -> Head:
    given = [("Host", "x"), *headers]
    return decode_head(
        h11.Request(method="GET", target=target, headers=given, http_version=version)
    )


def test_a_head_becomes_a_request() -> None:
    """The target is split at the first question mark; names are in lower case, values as sent."""
    request = head(("X-Token", "Abc")).request(b"body", "192.0.2.1")

    assert (request.method, request.target) == ("GET", "/a?b=c?d")
    assert (request.path, request.query) == ("/a", "b=c?d")
    assert request.headers == (("host", "x"), ("x-token", "Abc"))
    assert (request.body, request.peer) == (b"body", "192.0.2.1")


def test_several_values_are_one_list() -> None:
    """In order, with a comma between; nothing is an empty list."""
    found = head(("Via", "a"), ("x", "y"), ("VIA", "b, c"))

    assert found.joined("via") == "a,b, c"
    assert found.joined("upgrade") == ""


@pytest.mark.parametrize(
    ("upgrade", "version", "wants"),
    [
        ("websocket", "1.1", True),
        ("h2c, WebSocket", "1.1", True),
        ("websockets", "1.1", False),
        ("", "1.1", False),
        ("websocket", "1.0", False),
    ],
)
def test_who_asks_for_a_websocket(upgrade: str, version: str, *, wants: bool) -> None:
    """Whoever names it among the offers, in any case, in HTTP/1.1."""
    assert head(("Upgrade", upgrade), version=version).wants_upgrade is wants


def test_a_head_hides_what_may_be_secret() -> None:
    """Neither query nor headers are in its repr."""
    assert "secret" not in repr(head(("Authorization", "secret"), target="/?token=secret"))
