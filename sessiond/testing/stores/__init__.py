"""The contract of ``sessiond.core.ports.Store`` as checks that any implementation can run on itself.

``STORE_CHECKS``        for every store
``DURABILITY_CHECKS``   for stores whose data outlives the object: they open the same data again

Each check is ``async def check(rig)``, raises ``AssertionError`` when the store breaks its promise, and says
in its docstring what is true. It wants fresh, empty data::

    async with open_rig(lambda: open_my_store(path), max_commit_bytes=limit) as rig:
        await check(rig)

Free of pytest; ``tests/contracts/test_store_contract.py`` shows how to run them under it.
"""

from sessiond.testing.stores import commits, deliveries, inbox, journals, ownership, streams
from sessiond.testing.stores.durability import DURABILITY_CHECKS
from sessiond.testing.stores.rig import Check, OpenStore, StoreRig, open_rig

__all__ = ["DURABILITY_CHECKS", "STORE_CHECKS", "Check", "OpenStore", "StoreRig", "open_rig"]

STORE_CHECKS: tuple[Check, ...] = (
    *commits.CHECKS,
    *streams.CHECKS,
    *deliveries.CHECKS,
    *journals.CHECKS,
    *inbox.CHECKS,
    *ownership.CHECKS,
)
