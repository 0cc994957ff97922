"""All keys of a partition lie together, and their names are what operators find in the documentation."""

from sessiond.core.ids import NodeId, Partition, UserId
from sessiond.stores.redis.keys import Keys
from sessiond.stores.redis.topology import slot_of

KEYS = Keys("sessiond")


def test_keys_of_a_partition_share_a_slot() -> None:
    """A user id with braces in it does not lead anywhere else."""
    partition = Partition(17)
    names = [
        KEYS.own(partition),
        KEYS.of_user(partition, "u", UserId("ann")),
        KEYS.of_user(partition, "u", UserId("{ann}")),
    ]

    assert names[1] == "sessiond:{p017}:u:ann"
    assert len({slot_of(name) for name in names}) == 1


def test_partitions_have_names_of_their_own() -> None:
    """There are 256, and no one is the beginning of another."""
    names = KEYS.all_partitions()

    assert len(set(names)) == 256
    assert not any(a != b and a.startswith(b) for a in names for b in names)


def test_node_keys_begin_alike() -> None:
    """The script that takes partitions makes them from the owner's name."""
    assert KEYS.node(NodeId("a")) == KEYS.nodes + "a"
