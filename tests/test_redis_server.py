"""The servers that the store tests stand on do what their names say."""

from __future__ import annotations

import pytest
import redis

from tests.redis_server import RedisServer, RedisServers


def test_shared_server_is_empty(redis_server: RedisServer) -> None:
    """Each test finds the shared server without keys."""
    with redis_server.client() as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_shared_server_is_empty_again(redis_server: RedisServer) -> None:
    """Also the one that runs second, whichever that is; and over the Unix socket too."""
    with redis.Redis.from_url(redis_server.unix_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_killed_server_keeps_what_it_wrote_to_its_log(redis_servers: RedisServers) -> None:
    """With ``appendfsync always`` a SIGKILL loses nothing that was answered."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    with server.client() as client:
        client.set("k", "v")

    server.kill()
    assert not server.is_running
    server.start()

    with server.client() as client:
        assert client.get("k") == b"v"


def test_paused_server_answers_nothing_until_resumed(redis_servers: RedisServers) -> None:
    """A paused server keeps the connection open and times out."""
    server = redis_servers.start()
    with server.client(socket_timeout=0.05, retry=None) as client:
        client.ping()
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()

        assert client.ping()


def test_replica_follows_its_primary(redis_servers: RedisServers) -> None:
    """WAIT counts the replica once it has the write."""
    primary = redis_servers.start(repl_diskless_sync_delay="0")
    replica = redis_servers.start(replica_of=primary)
    with primary.client() as client, replica.client() as other:
        client.set("k", "v")

        assert client.wait(1, 5000) == 1
        assert other.get("k") == b"v"


def test_configured_setting_survives_a_restart(redis_servers: RedisServers) -> None:
    """What configure() changed holds after stop and start."""
    server = redis_servers.start()
    server.configure(maxmemory_policy="allkeys-lru")
    server.stop()
    server.start()

    with server.client() as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
