"""A key set behind a URL (sessiond/edges/auth/key_url.py), served by the standard library."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import trio
import trio.testing
from attrs import define
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.edges.auth.key_url import KeysAway, KeyUrl
from sessiond.edges.auth.keys import Key
from sessiond.edges.auth.settings import AuthSettings
from sessiond.edges.auth.tokens import TokenVerifier

NOW = 1_700_000_000.0
OLD, NEW = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def document(**keys: ec.EllipticCurvePrivateKey) -> bytes:
    jwks = [
        json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid} for kid, key in keys.items()
    ]
    return json.dumps({"keys": jwks}).encode()


@define
class SetClock:
    """A clock that stands still until the test moves it."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class KeyServer(ThreadingHTTPServer):
    """Answers every request with what the test says, and counts them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status, self.headers, self.body = 200, {}, document(old=OLD)
        self.requests = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    headers: dict[str, str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that gave up: some tests are about that."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class _Answer(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.requests += 1
        self.server.may_answer.wait(10)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.may_answer.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def settings(server: KeyServer, **changes: float) -> AuthSettings:
    return AuthSettings(jwks_url=server.url, **changes)  # type: ignore[arg-type]


def token(key: ec.EllipticCurvePrivateKey, kid: str) -> str:
    claims = {"sub": "ama", "exp": NOW + 10_000}
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})


def named(kid: str) -> Callable[[tuple[Key, ...]], list[Key]]:
    return lambda keys: [key for key in keys if key.key_id == kid]


async def refusal(verifier: TokenVerifier, text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await verifier.verify(text)
    return caught.value


async def test_a_set_is_fetched_once_and_kept(server: KeyServer, clock: SetClock) -> None:
    """The first token fetches the keys; later ones find them in memory."""
    verifier = TokenVerifier(settings(server), clock)
    for _ in range(3):
        assert (await verifier.verify(token(OLD, "old"))).user == "ama"

    assert server.requests == 1
    assert not verifier.warnings


async def test_many_at_once_fetch_once(server: KeyServer, clock: SetClock) -> None:
    """Ten clients that connect at the same time cost one request."""
    verifier = TokenVerifier(settings(server), clock)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(verifier.verify, token(OLD, "old"))

    assert server.requests == 1


async def test_an_unknown_key_id_fetches_the_set_anew(server: KeyServer, clock: SetClock) -> None:
    """A new key is known as soon as a token signed with it comes, the minimum interval permitting."""
    verifier = TokenVerifier(settings(server), clock)
    await verifier.verify(token(OLD, "old"))
    server.body = document(old=OLD, new=NEW)
    clock.at += 10

    assert (await verifier.verify(token(NEW, "new"))).user == "ama"
    assert server.requests == 2


async def test_invented_key_ids_do_not_cause_a_flood(server: KeyServer, clock: SetClock) -> None:
    """Within the minimum interval unknown key ids are refused without another request."""
    verifier = TokenVerifier(settings(server), clock)
    for number in range(20):
        refused = await refusal(verifier, token(NEW, f"invented-{number}"))
        assert refused.code is ErrorCode.UNAUTHORIZED

    assert server.requests == 1


async def test_a_withdrawn_key_stops_to_count(server: KeyServer, clock: SetClock) -> None:
    """After the refresh time a key that is no longer in the set verifies nothing."""
    verifier = TokenVerifier(settings(server), clock)
    await verifier.verify(token(OLD, "old"))
    server.body = document(new=NEW)
    clock.at += 300

    assert (await refusal(verifier, token(OLD, "old"))).code is ErrorCode.UNAUTHORIZED


async def test_old_keys_serve_while_the_url_is_away(server: KeyServer, clock: SetClock) -> None:
    """An outage of the key server closes no door that was open; operators are told."""
    heard: list[object] = []
    detach = telemetry.attach(lambda *event: heard.append(event), ["auth.keys_away"])
    verifier = TokenVerifier(settings(server), clock)
    await verifier.verify(token(OLD, "old"))
    server.status = 503
    clock.at += 300

    assert (await verifier.verify(token(OLD, "old"))).user == "ama"
    assert (await verifier.verify(token(OLD, "old"))).user == "ama"
    assert server.requests == 2
    assert heard == [("auth.keys_away", {}, {"reason": "the answer was 503"})]
    detach()


async def test_an_unknown_key_during_an_outage_may_come_back(
    server: KeyServer, clock: SetClock
) -> None:
    """Nobody can say that the key is wrong: come back later, and then it is fetched again."""
    server.status = 500
    verifier = TokenVerifier(settings(server), clock)
    refused = await refusal(verifier, token(OLD, "old"))
    server.status = 200

    assert (refused.code, refused.retry_after) == (ErrorCode.UNAVAILABLE, 10)
    clock.at += 10
    assert (await verifier.verify(token(OLD, "old"))).user == "ama"


async def test_local_keys_need_no_url(server: KeyServer, clock: SetClock) -> None:
    """A token of the shared secret is verified without the network; the URL's keys count too."""
    secret = "a shared secret of 32 bytes or so"
    both = AuthSettings(jwks_url=server.url, secret=secret)
    verifier = TokenVerifier(both, clock)

    text = jwt.encode({"sub": "ama", "exp": NOW + 9}, secret, headers={"kid": "any"})
    assert (await verifier.verify(text)).user == "ama"
    assert server.requests == 0
    assert (await verifier.verify(token(OLD, "old"))).user == "ama"


async def test_a_local_key_counts_while_the_url_is_away(
    server: KeyServer, clock: SetClock, tmp_path: Path
) -> None:
    """A key file without ids fits any key id, whatever becomes of the URL."""
    path = tmp_path / "key.pem"
    path.write_bytes(
        NEW.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    server.status = 500
    verifier = TokenVerifier(AuthSettings(jwks_url=server.url, key_file=str(path)), clock)

    assert (await verifier.verify(token(NEW, "any"))).user == "ama"
    assert (await refusal(verifier, token(OLD, "old"))).code is ErrorCode.UNAUTHORIZED


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (404, {}, document(old=OLD)),
        (302, {"location": "http://127.0.0.1:1/"}, b""),
        (200, {}, b"<html>"),
        (200, {}, b'{"keys": []}'),
        (200, {}, b" " * (256 * 1024) + document(old=OLD)),
    ],
    ids=["missing", "redirect", "html", "empty", "oversize"],
)
async def test_bad_answers_are_no_key_set(
    server: KeyServer, clock: SetClock, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Error pages, redirects, garbage and floods count as being away."""
    server.status, server.headers, server.body = status, headers, body
    url = KeyUrl(server.url, settings(server), clock)

    with pytest.raises(KeysAway):
        await url.find(named("old"))


async def test_nobody_listening_counts_as_away(clock: SetClock) -> None:
    """A refused connection is an outage, not a crash."""
    listener = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener[0].socket.getsockname()[1]
    await listener[0].aclose()

    with pytest.raises(KeysAway):
        await KeyUrl(f"http://127.0.0.1:{port}/", AuthSettings(), clock).find(named("old"))


async def test_a_silent_server_is_given_up(server: KeyServer, clock: SetClock) -> None:
    """Who does not answer within the time-out is away."""
    server.may_answer.clear()
    url = KeyUrl(server.url, settings(server, jwks_timeout_seconds=0.05), clock)

    with trio.fail_after(5), pytest.raises(KeysAway):
        await url.find(named("old"))


async def test_a_cancelled_wait_leaves_the_rest_working(server: KeyServer, clock: SetClock) -> None:
    """A client that gives up while keys are fetched costs the next one nothing but the interval."""
    server.may_answer.clear()
    url = KeyUrl(server.url, settings(server), clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(url.find, named("old"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    server.may_answer.set()
    clock.at += 10

    with trio.fail_after(5):
        assert len(await url.find(named("old"))) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://user:hush@keys.example/",
        "https://",
        "https://keys.example:port/",
        "keys.example",
        "",
    ],
)
def test_a_url_is_encrypted_or_local(url: str, clock: SetClock) -> None:
    """Keys come over https or from this machine; passwords do not belong in a URL."""
    with pytest.raises(InvalidInput) as caught:
        KeyUrl(url, AuthSettings(), clock)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://keys.example/jwks", "http://localhost:1/", "http://[::1]:1/"]
)
def test_https_and_loopback_are_accepted(url: str, clock: SetClock) -> None:
    """Nothing is fetched when the URL is set."""
    KeyUrl(url, AuthSettings(), clock)
