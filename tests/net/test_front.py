"""One port: what is HTTP is answered, what upgrades is carried on, over either transport."""

import ssl
from functools import partial
from ssl import PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER

import pytest
import trio
import trustme

from sessiond.net.front import Front
from sessiond.net.listen import AcceptLimits, open_tcp, serve
from sessiond.net.messages import Request, Response
from sessiond.net.poll import Poller
from tests.net.links import Recorder


async def answer(request: Request) -> Response:
    return Response(200, (), b"http")


@pytest.mark.parametrize("uses_poller", [True, False])
async def test_one_port_serves_both(*, uses_poller: bool) -> None:
    """A GET is answered; an upgrade becomes the connection that the upgrade handler made."""
    link = Recorder(echoes=True)

    async def upgrade(request: Request) -> Recorder:
        return link

    async with trio.open_nursery() as nursery:
        poller = Poller() if uses_poller else None
        if poller is not None:
            await nursery.start(poller.run)
        listeners = open_tcp("127.0.0.1", 0)
        nursery.start_soon(serve, Front(answer, upgrade, poller=poller), listeners)
        port = listeners[0].getsockname()[1]
        with trio.fail_after(5):
            async with await trio.open_tcp_stream("127.0.0.1", port) as plain:
                await plain.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert bytes(await plain.receive_some()).endswith(b"http")
            async with await trio.open_tcp_stream("127.0.0.1", port) as upgraded:
                head = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
                await upgraded.send_all(head + b"early")
                assert bytes(await upgraded.receive_some()) == b"early"
                await upgraded.send_all(b"later")
                assert bytes(await upgraded.receive_some()) == b"later"
                assert (0 if poller is None else len(poller)) == int(uses_poller)
        nursery.cancel_scope.cancel()


async def test_tls_serves_both_and_waits_for_nobody() -> None:
    """Over TLS too: a GET is answered, an upgrade carried on; who never shakes hands is dropped."""
    link = Recorder(echoes=True)

    async def upgrade(_request: Request) -> Recorder:
        return link

    authority = trustme.CA()
    ours, theirs = (ssl.SSLContext(kind) for kind in (PROTOCOL_TLS_SERVER, PROTOCOL_TLS_CLIENT))
    authority.issue_cert("localhost").configure_cert(ours)
    authority.configure_trust(theirs)
    limits = AcceptLimits(handshake_seconds=0.5)

    async with trio.open_nursery() as nursery:
        poller = Poller()
        await nursery.start(poller.run)
        listeners = open_tcp("127.0.0.1", 0)
        front = Front(answer, upgrade, poller=poller)
        nursery.start_soon(partial(serve, front, listeners, limits=limits, tls=ours))
        port = listeners[0].getsockname()[1]

        async def connect() -> trio.SSLStream[trio.SocketStream]:
            plain = await trio.open_tcp_stream("127.0.0.1", port)
            return trio.SSLStream(plain, theirs, server_hostname="localhost")

        with trio.fail_after(5):
            client = await connect()
            await client.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert bytes(await client.receive_some()).endswith(b"http")
            await trio.aclose_forcefully(client)

            client = await connect()
            head = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
            await client.send_all(head + b"early")
            assert bytes(await client.receive_some()) == b"early"
            await client.send_all(b"later")
            assert bytes(await client.receive_some()) == b"later"
            assert len(poller) == 0
            await trio.aclose_forcefully(client)

            silent = await trio.open_tcp_stream("127.0.0.1", port)
            assert await silent.receive_some() == b""
            await silent.aclose()
        nursery.cancel_scope.cancel()
