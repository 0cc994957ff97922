"""``rediss://`` against a real server: who is not who the CA says is not spoken to."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import frozen

from sessiond.core.errors import StoreError, StoreUnavailable
from sessiond.core.ids import partition_of
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis import open_redis_store
from sessiond.testing.stores.rig import USER, open_rig
from tests.redis_server import RedisServers, free_port


@frozen
class Encrypted:
    """A server with TLS, and the files a client may want."""

    port: int
    ca: Path
    own: dict[str, str]
    """The server's settings."""
    client: Path
    """A client's certificate and key."""

    def url(self, options: str = "") -> str:
        """Name it, with its CA."""
        return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={self.ca}{options}"


def start(servers: RedisServers, folder: Path, *, auth_clients: str = "no") -> Encrypted:
    """Start a server whose certificate names 127.0.0.1, signed by a CA of its own."""
    ca = trustme.CA()
    leaf = ca.issue_cert("127.0.0.1")
    own = {
        "tls_cert_file": str(folder / "cert.pem"),
        "tls_key_file": str(folder / "key.pem"),
        "tls_ca_cert_file": str(folder / "ca.pem"),
        "tls_auth_clients": auth_clients,
    }
    files = Encrypted(free_port(), folder / "ca.pem", own, folder / "client.pem")
    ca.cert_pem.write_to_path(str(files.ca))
    ca.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(
        str(files.client)
    )
    leaf.private_key_pem.write_to_path(own["tls_key_file"])
    leaf.cert_chain_pems[0].write_to_path(own["tls_cert_file"])
    settings: dict[str, Any] = own | {"tls_port": str(files.port)}
    servers.start(**settings)
    return files


async def test_a_store_works_over_tls(redis_servers: RedisServers, tmp_path: Path) -> None:
    """With the CA of the server's certificate everything is as without TLS."""
    server = start(redis_servers, tmp_path)
    async with open_rig(
        lambda: open_redis_store(server.url()), max_commit_bytes=MAX_COMMIT_BYTES
    ) as rig:
        await rig.apply(snapshot=b"state")
        loaded = await rig.store.load(USER, partition_of(USER))

        assert loaded is not None
        assert loaded.snapshot == b"state"


async def test_a_client_shows_its_certificate(redis_servers: RedisServers, tmp_path: Path) -> None:
    """A server that wants one lets in who has it, and nobody else."""
    server = start(redis_servers, tmp_path, auth_clients="yes")
    async with open_redis_store(server.url(f"&ssl_certfile={server.client}")) as store:
        assert await store.users() == ()

    with pytest.raises(StoreUnavailable, match="out of reach"):
        async with open_redis_store(server.url()):
            pass


async def test_a_stranger_is_not_spoken_to(redis_servers: RedisServers, tmp_path: Path) -> None:
    """Another CA, none, or a certificate for another name: refused for good, and the password is never sent."""
    server = start(redis_servers, tmp_path)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    at = f"rediss://:wr0ng-secret@127.0.0.1:{server.port}/0"

    for url, words in [
        (f"{at}?ssl_ca_certs={other}", "is not trusted: self-signed certificate"),
        (at, "is not trusted: self-signed certificate"),
        (server.url().replace("127.0.0.1", "localhost"), "is not trusted: Hostname mismatch"),
    ]:
        with pytest.raises(StoreError, match=words) as caught:
            async with open_redis_store(url):
                pass
        assert not isinstance(caught.value, StoreUnavailable)
        assert "wr0ng" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_a_name_need_not_fit_when_told_so(
    redis_servers: RedisServers, tmp_path: Path
) -> None:
    """Behind a tunnel the name differs; the CA is still asked for."""
    server = start(redis_servers, tmp_path)
    url = server.url("&ssl_check_hostname=false").replace("127.0.0.1", "localhost")
    async with open_redis_store(url) as store:
        assert await store.users() == ()


async def test_tls_and_plain_do_not_meet(redis_servers: RedisServers, tmp_path: Path) -> None:
    """The wrong kind of port is a server out of reach, in either direction."""
    server = start(redis_servers, tmp_path)
    plain = redis_servers.start()
    for url in (
        f"redis://127.0.0.1:{server.port}",
        f"rediss://127.0.0.1:{plain.port}?ssl_ca_certs={server.ca}",
    ):
        with pytest.raises(StoreUnavailable, match=r"out of reach|did not answer"):
            async with open_redis_store(url, timeout_seconds=1):
                pass


async def test_sentinels_are_asked_over_tls_too(
    redis_servers: RedisServers, tmp_path: Path
) -> None:
    """``rediss+sentinel`` trusts the same CA on the way to the Sentinels and to the server, and no other."""
    server = start(redis_servers, tmp_path)
    asked = free_port()
    settings: dict[str, Any] = server.own | {"tls_port": str(asked), "tls_replication": "yes"}
    redis_servers.start_sentinel(server.port, replicas=0, **settings)
    async with open_redis_store(
        f"rediss+sentinel://127.0.0.1:{asked}/main/0?ssl_ca_certs={server.ca}"
    ) as store:
        assert f"127.0.0.1:{server.port} " in repr(store)
        assert await store.users() == ()

    with pytest.raises(StoreError, match=r"Sentinel at .* is not trusted"):
        async with open_redis_store(f"rediss+sentinel://127.0.0.1:{asked}/main/0"):
            pass
