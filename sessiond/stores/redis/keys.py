r"""Where everything lies in Redis.

All keys of a partition share one hash tag, also on a standalone server: a script may touch any of them, and a
deployment can move to a cluster as it is. ``P`` is ``<key prefix>:{p017}:``.

==================  ==========  =====================================================================================
key                 type        holds
==================  ==========  =====================================================================================
``P own``           hash        ``fence`` (number), ``token`` (``<number>:<nonce>``), ``owner`` (node), ``seq`` (inbox),
                                ``counted`` (there are attempts)
``P inbox``         stream      accepted inputs that have not run; the id is ``<seq>-0``
``P attempts``      hash        counter's name -> ``<generation>:<count>:<token counted last>``
``P due``           sorted set  ``<user>\0<timer>`` by due time
``P undated``       set         users whose window timer has no due time
``P deliveries``    sorted set  ``<id>\0<user>``, each with score 0: in their own order
``P users``         sorted set  user ids, all with score 0: listed in the order of their bytes
``P dead``          hash        dead letter id -> letter
``P dead.ids``      sorted set  dead letter ids, all with score 0
``P u:<user>``      hash        record: ``v`` version, slot of the current snapshot, commit id; ``s0`` and ``s1``
                                the snapshots, which take turns; ``m`` stream mark (packing.py)
``P o:<user>``      list        outbox. A list: appending costs least and trimming by floor is one LTRIM, since offsets
                                have no holes; a stream takes 4 KiB per user at least
``P d:<user>``      hash        duplicate window: digest -> when consumed, how long kept, reply (packing.py)
``P t:<user>``      hash        timer name -> timer
``P g:<user>``      hash        delivery id -> delivery
``P j:<user>``      list        journal, bounded
``P i:<user>``      hash        this user's entries of the inbox: seq -> digest
==================  ==========  =====================================================================================

Without a tag: ``<key prefix>:node:<name>`` (a node's nonce, with the time to live of its lease) and
``<key prefix>:check``.
"""

from collections.abc import Sequence

from attrs import frozen

from sessiond.core.ids import PARTITIONS, NodeId, Partition, UserId

__all__ = ["Keys"]


@frozen
class Keys:
    """Names the keys of one deployment; *prefix* keeps several apart in one Redis."""

    prefix: str

    def partition(self, partition: Partition) -> str:
        """Name what all keys of *partition* begin with."""
        return f"{self.prefix}:{{p{partition:03d}}}:"

    def own(self, partition: Partition) -> str:
        """Name the key of the fence; it routes every call about the partition."""
        return self.partition(partition) + "own"

    def all_partitions(self) -> Sequence[str]:
        """List the beginnings of all keys, one per partition."""
        return [self.partition(Partition(number)) for number in range(PARTITIONS)]

    def of_user(self, partition: Partition, kind: str, user: UserId) -> str:
        """Name a key of *user*; *kind* is one of the letters of the table above."""
        return f"{self.partition(partition)}{kind}:{user}"

    @property
    def nodes(self) -> str:
        """What the keys of node leases begin with."""
        return f"{self.prefix}:node:"

    def node(self, node: NodeId) -> str:
        """Name the key of *node*'s lease."""
        return self.nodes + node

    @property
    def check(self) -> str:
        """Name the key that ``check`` writes to."""
        return f"{self.prefix}:check"
