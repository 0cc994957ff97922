"""The opening handshake (sessiond/edges/websocket/handshake.py)."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from sessiond.edges.websocket.handshake import offered_subprotocols, shake_hands
from sessiond.net.messages import Request, Response

GOOD = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def request(*more: tuple[str, str], method: str = "GET", **changes: str | None) -> Request:
    changed = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    headers = [(name, value) for name, value in changed.items() if value is not None]
    return Request(method=method, target="/", path="/", headers=(*headers, *more))


def shake(asked: Request) -> bytes | Response:
    return shake_hands(asked, offered_subprotocols(asked))


def test_the_example_of_the_rfc() -> None:
    """The key of RFC 6455, 1.3, has the answer given there."""
    assert shake(request()) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )


@pytest.mark.parametrize("offers", [None, ["phoenix", "other"]])
def test_another_implementation_agrees(offers: list[str] | None) -> None:
    """The client of the websockets library is open after our answer, with ``phoenix`` if it was offered."""
    subprotocols = None if offers is None else [Subprotocol(offer) for offer in offers]
    client = ClientProtocol(parse_uri("ws://localhost/"), subprotocols=subprotocols)
    asked = client.connect()
    headers = tuple((name.lower(), value) for name, value in asked.headers.raw_items())

    answer = shake(Request(method="GET", target="/", path="/", headers=headers))
    assert isinstance(answer, bytes)
    client.receive_data(answer)

    client.events_received()
    assert client.state is OPEN
    assert client.handshake_exc is None
    assert client.subprotocol == (None if offers is None else "phoenix")


def test_names_and_lists_as_browsers_send_them() -> None:
    """Case does not matter, and Connection may hold more."""
    asked = request(upgrade="WebSocket", connection="keep-alive, Upgrade")
    assert isinstance(shake(asked), bytes)
    split = request(("connection", "upgrade"), connection="keep-alive")
    assert isinstance(shake(split), bytes)


@pytest.mark.parametrize(
    ("asked", "status", "header"),
    [
        (request(method="POST"), 405, ("allow", "GET")),
        (request(upgrade=None), 426, ("upgrade", "websocket")),
        (request(upgrade="h2c, websocket"), 426, ("upgrade", "websocket")),
        (request(("upgrade", "websocket")), 426, ("upgrade", "websocket")),
        (request(connection=None), 426, ("upgrade", "websocket")),
        (request(connection="keep-alive"), 426, ("upgrade", "websocket")),
        (request(sec_websocket_version=None), 400, ("sec-websocket-version", "13")),
        (request(sec_websocket_version="8"), 400, ("sec-websocket-version", "13")),
        (request(("sec-websocket-version", "13")), 400, ("sec-websocket-version", "13")),
        (request(sec_websocket_key=None), 400, None),
        (request(sec_websocket_key=""), 400, None),
        (request(sec_websocket_key="AAAA"), 400, None),
        (request(sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ"), 400, None),
        (request(sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==="), 400, None),
        (request(sec_websocket_key="dGhl!IHNhbXBsZSBub25jZQ=="), 400, None),
        (request(sec_websocket_key="\u00fcGhlIHNhbXBsZSBub25jZQ=="), 400, None),
        (request(("sec-websocket-key", GOOD["sec-websocket-key"])), 400, None),
    ],
)
def test_a_broken_handshake_is_refused(
    asked: Request, status: int, header: tuple[str, str] | None
) -> None:
    """What is missing, doubled or wrong is answered with what is right, and repeats nothing."""
    answer = shake(asked)
    assert isinstance(answer, Response)
    assert answer.status == status
    assert json.loads(answer.body)["code"] == "bad_request"
    if header is not None:
        assert header in answer.headers


@given(st.binary(min_size=16, max_size=16), st.text(), st.text())
def test_nothing_a_client_says_gets_into_the_answer(key: bytes, offer: str, other: str) -> None:
    """Whatever is offered, the answer is one head without anything of it."""
    asked = request(
        ("sec-websocket-protocol", offer),
        ("sec-websocket-extensions", other),
        sec_websocket_key=base64.b64encode(key).decode(),
    )
    answer = shake(asked)
    assert isinstance(answer, bytes)
    assert answer.count(b"\r\n") in {5, 6}
    assert answer.endswith(b"\r\n\r\n")
