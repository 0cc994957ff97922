"""Settings are judged level by level; what cannot be seen is said to be unseen."""

from typing import Any

import pytest
from attrs import evolve

from sessiond.core.errors import StoreError
from sessiond.stores.redis.client import RedisClient
from sessiond.stores.redis.durability import Durability, ServerSettings, judge, read_settings
from sessiond.stores.redis.topology import Address
from tests.redis_server import RedisServers

GOOD = ServerSettings(
    Address("h", 1),
    version="7.2.4",
    policy="noeviction",
    appendonly=True,
    appendfsync="always",
    replicas=1,
)


@pytest.mark.parametrize("level", Durability)
def test_good_settings_satisfy_every_level(level: Durability) -> None:
    """Nothing is said about them."""
    assert judge([GOOD], level) == ()


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"appendonly": False}, Durability.PRIMARY, "wants appendonly yes"),
        ({"appendonly": None}, Durability.PRIMARY, "could not be verified"),
        ({"policy": None}, Durability.PRIMARY, "maxmemory-policy is noeviction could not be"),
        ({"appendfsync": "everysec"}, Durability.FSYNC, "loses up to a second"),
        ({"appendfsync": None}, Durability.FSYNC, "CONFIG does not tell appendfsync"),
        ({"replicas": 0}, Durability.REPLICA, "none is connected"),
    ],
)
def test_each_shortfall_is_one_warning(
    change: dict[str, Any], level: Durability, words: str
) -> None:
    """It names the server and what is missing."""
    (warning,) = judge([evolve(GOOD, **change)], level)

    assert warning.startswith("Redis at h:1: ")
    assert words in warning


def test_lower_levels_ask_for_less() -> None:
    """Syncing once a second and no replica are enough for ``primary``."""
    assert judge([evolve(GOOD, appendfsync="everysec", replicas=0)], Durability.PRIMARY) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"policy": "allkeys-lfu"}, "noeviction"), ({"version": "6.0.16"}, "6.2 is needed")],
)
def test_what_cannot_work_is_refused(change: dict[str, Any], words: str) -> None:
    """One bad server among good ones is enough."""
    with pytest.raises(StoreError, match=words):
        judge([GOOD, evolve(GOOD, **change)], Durability.PRIMARY)


@pytest.mark.parametrize(
    ("forbidden", "policy", "appendonly", "appendfsync"),
    [
        ((), "noeviction", True, "always"),
        (("-config",), "noeviction", True, None),
        (("-config", "-info"), None, None, None),
    ],
)
async def test_managed_servers_tell_less(
    forbidden: tuple[str, ...],
    policy: str | None,
    appendonly: bool | None,
    appendfsync: str | None,
    redis_servers: RedisServers,
) -> None:
    """Without CONFIG, INFO tells most; without both, nothing is known and nothing fails."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    with server.client() as admin:
        admin.acl_setuser("app", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@all"])
        admin.execute_command("ACL", "SETUSER", "app", *forbidden)
    client = RedisClient(
        f"redis://app:pw@127.0.0.1:{server.port}",
        timeout_seconds=5,
        cluster=False,
        on_new_primary=lambda: None,
    )
    await client.connect()
    (settings,) = await read_settings(client)
    client.close()

    assert (settings.policy, settings.appendonly) == (policy, appendonly)
    assert settings.appendfsync == appendfsync
