"""Slots are the cluster specification's, and a map says who serves which."""

import pytest

from sessiond.stores.redis.keys import Keys
from sessiond.stores.redis.topology import Address, parse_slot_map, slot_of
from tests.redis_server import RedisServer

REPLY = [
    [0, 8191, [b"10.0.0.1", 6379, b"id1", []], [b"10.0.0.3", 6379, b"id3", []]],
    [8192, 12000, [b"", 6380, b"id2", []]],
    [12002, 16383, [b"10.0.0.1", 6379, b"id1", []]],
]


@pytest.mark.parametrize(
    "key", ["foo", "{p017}:own", "a{p017}b", "{}x", "a{b", "é{ü}", "a}{b}", ""]
)
def test_slots_are_those_of_redis(key: str, redis_cluster: RedisServer) -> None:
    """Redis itself computes the same slot."""
    with redis_cluster.client() as client:
        assert slot_of(key) == client.cluster("KEYSLOT", key)


def test_map_names_each_primary_once() -> None:
    """Replicas are left out; a node that does not know its name is the one that was asked."""
    slots = parse_slot_map(REPLY, Address("seed", 7))

    assert slots.primaries() == (Address("10.0.0.1", 6379), Address("seed", 6380))
    assert slots.primary_of("foo") == Address("10.0.0.1", 6379)  # slot 12182


def test_slot_without_a_server_is_known_as_such() -> None:
    """A hole in the map is not somebody else's slot."""
    slots = parse_slot_map(REPLY[1:2], Address("seed", 7))

    assert slots.primary_of("foo") is None


def test_partitions_spread_over_the_slots() -> None:
    """Three equal shares of the slots hold between a quarter and two fifths of the partitions each."""
    keys = Keys("sessiond")
    thirds = [0, 0, 0]
    for prefix in keys.all_partitions():
        thirds[slot_of(prefix) * 3 // 16384] += 1

    assert sum(thirds) == 256
    assert all(64 <= third <= 103 for third in thirds)


def test_addresses_are_shown_as_people_write_them() -> None:
    """A Unix socket has no port."""
    assert str(Address("h", 1)) == "h:1"
    assert str(Address("/run/redis.sock", 0)) == "/run/redis.sock"
