"""Commands are sent at most once, and every failure is one of ours."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import redis

from sessiond.core.errors import InvalidInput, StoreUnavailable
from sessiond.stores.redis.client import Call, RedisClient, Refusal
from sessiond.stores.redis.topology import Address
from tests.redis_server import RedisServer, RedisServers


@contextmanager
def client_of(url: str, *, cluster: bool = False, seconds: float = 5) -> Iterator[RedisClient]:
    client = RedisClient(
        url,
        timeout_seconds=seconds,
        cluster=cluster,
        on_new_primary=lambda: None,
    )
    with closing(client):
        yield client


def wait_until_met(node: redis.Redis) -> None:
    """Gossip takes a few tenths of a second."""
    node.set_response_callback("CLUSTER INFO", bytes)
    deadline = time.monotonic() + 10
    while b"cluster_state:ok" not in node.execute_command("CLUSTER INFO"):  # type: ignore[no-untyped-call]
        assert time.monotonic() < deadline


def get(key: str) -> Call:
    return Call(key, ("GET", key))


def increment(key: str) -> Call:
    return Call(key, ("INCR", key))


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "redis://user:pa/ss@host:1",
        "redis://h:port",
        "redis://h?db=x",
        "redis://h?socket_timeout=9",
        "redis://h?retry_on_timeout=true",
        "",
    ],
)
async def test_wrong_urls_are_refused_without_showing_them(url: str) -> None:
    """An unescaped slash cuts a password in two: neither half is shown."""
    with pytest.raises(InvalidInput, match="Redis URL") as caught, client_of(url):
        pass

    assert "pa" not in str(caught.value).replace("password", "")
    assert caught.value.__cause__ is None


async def test_replies_come_in_order(redis_server: RedisServer) -> None:
    """Also when the server refuses one in the middle: the others have their own replies."""
    with client_of(redis_server.url) as client:
        calls = [increment("n"), Call("n", ("LPUSH", "n", "x")), increment("n")]
        first, refused, last = await client.try_exchange(calls)

        assert (first, last) == (1, 2)
        assert isinstance(refused, Refusal)
        with pytest.raises(StoreUnavailable, match="wrong kind of value"):
            await client.exchange(calls)


async def test_command_is_sent_once_when_the_connection_breaks() -> None:
    """A server that hangs up after reading a command never sees it again."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            replies = {b"INFO": b"$0\r\n\r\n", b"SETNAME": b"+OK\r\n"}
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    while data := peer.recv(65536):
                        seen.append(data)
                        answer = next((r for name, r in replies.items() if name in data), None)
                        if answer is None:
                            break
                        peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with client_of(f"redis://127.0.0.1:{listener.getsockname()[1]}") as client:
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="out of reach"):
                    await client.exchange([increment("n")])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)

    assert sum(b"INCR" in data for data in seen) == 2


async def test_idle_connection_that_was_closed_costs_nothing(redis_server: RedisServer) -> None:
    """A connection that the server dropped while idle is noticed before anything is sent."""
    with client_of(redis_server.url) as client, redis_server.client() as admin:
        await client.exchange([increment("n")])
        admin.client_kill_filter(_type="normal", skipme=True)

        assert await client.exchange([increment("n")]) == [2]


async def test_pauses_grow_and_end(redis_servers: RedisServers) -> None:
    """The first repeat may come at once, later ones wait up to a second; success forgets it all."""
    server = redis_servers.start()
    with client_of(server.url) as client:
        server.kill()
        pauses = []
        for _ in range(9):
            with pytest.raises(StoreUnavailable):
                await client.exchange([get("k")])
            pauses.append(client.pause_seconds())
        server.start()
        await client.exchange([get("k")])

        assert pauses[0] == 0
        assert 0.0 < pauses[1] <= 0.05
        assert 0.4 < pauses[-1] <= 1.0
        assert client.pause_seconds() == 0


async def test_refusals_do_not_quote_arguments(redis_server: RedisServer) -> None:
    """Redis quotes what it does not understand; it may be a payload."""
    with client_of(redis_server.url) as client:
        (refusal,) = await client.try_exchange([Call("k", ("NOSUCH", "secret-payload"))])
        (binary,) = await client.try_exchange([Call("k", ("\xff".encode("latin-1"),))])

        assert isinstance(binary, Refusal)
        assert refusal == Refusal("unknown command 'NOSUCH'")


async def test_cluster_is_asked_where_keys_lie(redis_cluster: RedisServer) -> None:
    """Calls find their slots' primaries, known by address."""
    with client_of(redis_cluster.url, cluster=True) as client:
        assert await client.primaries() == (Address("127.0.0.1", redis_cluster.port),)
        assert await client.exchange([increment("a"), increment("b"), increment("a")]) == [1, 1, 2]


async def test_standalone_server_is_no_cluster(redis_server: RedisServer) -> None:
    """The flag on the wrong server is an error that says so."""
    with (
        client_of(redis_server.url, cluster=True) as client,
        pytest.raises(StoreUnavailable, match="cluster support disabled"),
    ):
        await client.connect()


async def test_moved_slot_is_found_again(redis_servers: RedisServers) -> None:
    """After a slot moved the first call is undecided, and its repeat goes to the new owner."""
    one = redis_servers.start(cluster_enabled="yes", cluster_node_timeout="500")
    two = redis_servers.start(cluster_enabled="yes", cluster_node_timeout="500")
    one.form_cluster()
    with one.client() as admin, two.client() as other:
        admin.cluster("MEET", "127.0.0.1", two.port)
        wait_until_met(other)
        with client_of(one.url, cluster=True) as client:
            await client.exchange([increment("foo")])  # slot 12182
            admin.delete("foo")
            new_owner = other.cluster("MYID")
            other.execute_command("CLUSTER", "SETSLOT", 12182, "NODE", new_owner)
            admin.execute_command("CLUSTER", "SETSLOT", 12182, "NODE", new_owner)
            with pytest.raises(StoreUnavailable, match="12182"):
                await client.exchange([increment("foo")])

            assert await client.exchange([increment("foo")]) == [1]
            assert len(await client.primaries()) == 2


async def test_demoted_primary_is_left(redis_servers: RedisServers) -> None:
    """A primary that became a replica refuses writes: its connections are given up, for the name may lead elsewhere."""
    server = redis_servers.start()
    with client_of(server.url) as client, server.client() as admin:
        await client.exchange([increment("n")])
        admin.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="read only replica"):
            await client.exchange([increment("n")])
        admin.replicaof("NO", "ONE")
        before = admin.info("stats")["total_connections_received"]

        assert await client.exchange([increment("n")]) == [2]
        assert admin.info("stats")["total_connections_received"] == before + 1


@pytest.mark.parametrize("said", [b":5\r\n", b"$-1\r\n", b"*1\r\n+a\r\n", b"-MOVED\r\n"])
async def test_server_that_is_no_redis_is_out_of_reach(said: bytes) -> None:
    """Whatever it says of itself: the node waits for a better one, and keeps no socket to this one."""
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                while data := peer.recv(65536):
                    peer.sendall(said if b"INFO" in data else b"+OK\r\n")
            hung_up.set()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        with client_of(url, seconds=0.3) as client:
            with pytest.raises(StoreUnavailable, match="out of reach"):
                await client.exchange([increment("n")])
            assert hung_up.wait(5)
    thread.join(5)
