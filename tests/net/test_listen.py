"""Listening: addresses, ports in use, stale socket files, limits, and errors that must not end it."""

import errno
import json
import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from sessiond.core.errors import InvalidInput
from sessiond.net.listen import (
    Accepted,
    AcceptLimits,
    AddressInUse,
    addresses_of,
    open_tcp,
    open_unix,
    serve,
)


async def greet(accepted: Accepted) -> None:
    stream = await accepted.stream()
    await stream.send_all(b"hello " + accepted.peer.encode())
    await stream.aclose()


async def test_connections_are_served_and_addresses_told() -> None:
    """``started()`` hands back what is bound; each connection gets the handler."""
    async with trio.open_nursery() as nursery:
        listeners = open_tcp("127.0.0.1", 0)

        async def run(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
            await serve(greet, listeners, task_status=task_status)

        (address,) = await nursery.start(run)
        host, _, port = address.rpartition(":")
        assert host == "127.0.0.1"
        async with await trio.open_tcp_stream(host, int(port)) as client:
            assert await client.receive_some() == b"hello 127.0.0.1"
        nursery.cancel_scope.cancel()

    assert listeners[0].fileno() == -1


def test_a_port_in_use_is_a_clear_error() -> None:
    """The error names the address and the reason, before anything was started."""
    (first,) = open_tcp("127.0.0.1", 0)
    port = first.getsockname()[1]
    with first, pytest.raises(AddressInUse, match=rf"127\.0\.0\.1:{port}: the port is in use"):
        open_tcp("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0)])
def test_an_address_that_is_not_ours_is_a_clear_error(host: str, port: int) -> None:
    """A name that does not resolve, an address of somebody else."""
    with pytest.raises(InvalidInput, match="cannot listen on"):
        open_tcp(host, port)


def test_ipv6_addresses_are_named_in_brackets() -> None:
    """``[::1]:4000`` can be pasted into a URL."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.bind(("::1", 0))
        (name,) = addresses_of([sock])

    assert name.startswith("[::1]:")


def test_a_unix_socket_has_its_mode_from_the_start(short_tmp_path: Path) -> None:
    """Nobody else may connect, whatever the umask says."""
    path = short_tmp_path / "a.sock"
    old = os.umask(0)
    try:
        with open_unix(path, mode=0o600):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(old)


def test_a_stale_socket_file_is_replaced(short_tmp_path: Path) -> None:
    """What a killed process left behind does not keep us from starting."""
    path = short_tmp_path / "a.sock"
    open_unix(path).close()
    assert path.exists()

    open_unix(path).close()


def test_a_living_socket_file_is_not_taken(short_tmp_path: Path) -> None:
    """Another process that listens there is left alone."""
    path = short_tmp_path / "a.sock"
    with open_unix(path), pytest.raises(AddressInUse, match="another process"):
        open_unix(path)


def test_something_that_is_no_socket_is_not_removed(short_tmp_path: Path) -> None:
    """A mistyped path must not cost a file."""
    path = short_tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(InvalidInput, match="not a socket"):
        open_unix(path)

    assert path.read_text() == "data"


@pytest.mark.parametrize("name", ["missing/a.sock", "x" * 200])
def test_an_impossible_path_is_a_clear_error(short_tmp_path: Path, name: str) -> None:
    """A missing folder, a path longer than the kernel allows."""
    with pytest.raises(InvalidInput, match="cannot listen on"):
        open_unix(short_tmp_path / name)


async def test_a_crowd_is_served() -> None:
    """More who wait at once than are accepted in one round, and all of them are greeted."""
    listeners = open_tcp("127.0.0.1", 0)
    crowd = [socket.create_connection(listeners[0].getsockname(), timeout=5) for _ in range(100)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, greet, listeners)
        with trio.fail_after(5):
            for client in crowd:
                stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
                assert (await stream.receive_some()).startswith(b"hello")
                await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_connections_beyond_the_limit_are_turned_away() -> None:
    """They get a 503 at once, an error in the form of all doors; when a place is free, the next is served."""
    release = trio.Event()

    async def hold(accepted: Accepted) -> None:
        await release.wait()
        await greet(accepted)

    async with trio.open_nursery() as nursery:
        listeners = open_tcp("127.0.0.1", 0)
        nursery.start_soon(lambda: serve(hold, listeners, limits=AcceptLimits(connections=1)))
        port = listeners[0].getsockname()[1]
        with trio.fail_after(5):
            async with (
                await trio.open_tcp_stream("127.0.0.1", port) as first,
                await trio.open_tcp_stream("127.0.0.1", port) as second,
            ):
                answer = bytes(await second.receive_some())
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"Retry-After" in answer
                head, _, body = answer.partition(b"\r\n\r\n")
                assert f"Content-Length: {len(body)}".encode() in head
                assert "overloaded" == json.loads(body)["code"]
                release.set()
                assert await first.receive_some() == b"hello 127.0.0.1"
                assert await first.receive_some() == b""
            async with await trio.open_tcp_stream("127.0.0.1", port) as third:
                assert await third.receive_some() == b"hello 127.0.0.1"
        nursery.cancel_scope.cancel()


async def test_a_connection_that_is_taken_keeps_its_place() -> None:
    """A handler may hand the socket on; its place is free when the new owner says so."""
    taken: list[tuple[Accepted, object]] = []
    done = trio.Event()

    async def take(accepted: Accepted) -> None:
        taken.append((accepted, accepted.take()))
        done.set()

    async with trio.open_nursery() as nursery:
        listeners = open_tcp("127.0.0.1", 0)
        nursery.start_soon(lambda: serve(take, listeners, limits=AcceptLimits(connections=1)))
        port = listeners[0].getsockname()[1]
        with trio.fail_after(5):
            async with await trio.open_tcp_stream("127.0.0.1", port):
                await done.wait()
                async with await trio.open_tcp_stream("127.0.0.1", port) as other:
                    assert bytes(await other.receive_some()).startswith(b"HTTP/1.1 503 ")
        accepted, _ = taken[0]
        assert accepted.sock.fileno() != -1
        accepted.sock.close()
        nursery.cancel_scope.cancel()


async def test_a_failing_handler_costs_only_its_connection() -> None:
    """An exception closes one socket; the next client is served."""
    is_first = True

    async def fail_once(accepted: Accepted) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            raise RuntimeError("a bug")
        await greet(accepted)

    async with trio.open_nursery() as nursery:
        listeners = open_tcp("127.0.0.1", 0)
        nursery.start_soon(lambda: serve(fail_once, listeners))
        port = listeners[0].getsockname()[1]
        with trio.fail_after(5):
            async with await trio.open_tcp_stream("127.0.0.1", port) as first:
                assert await first.receive_some() == b""
            async with await trio.open_tcp_stream("127.0.0.1", port) as second:
                assert await second.receive_some() == b"hello 127.0.0.1"
        nursery.cancel_scope.cancel()


class Exhausted(socket.socket):
    """A listener whose process has no file descriptor left, twice."""

    failures = 2

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def test_running_out_of_descriptors_holds_but_does_not_end_it() -> None:
    """EMFILE is waited out: the client that was waiting is served."""
    listener = Exhausted(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: serve(greet, [listener]))
        with trio.fail_after(5):
            async with await trio.open_tcp_stream(*listener.getsockname()) as client:
                assert await client.receive_some() == b"hello 127.0.0.1"
        nursery.cancel_scope.cancel()
