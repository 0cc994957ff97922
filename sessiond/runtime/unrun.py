"""What of one user was accepted and has not run."""

from typing import Final

from sessiond.core.ids import UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.records import InboxEntry

__all__ = ["list_unrun"]

_PAGE: Final = 256


async def list_unrun(store: Store, user: UserId) -> tuple[InboxEntry, ...]:
    """List every accepted input of *user* that no commit has consumed, in order. Raises ``StoreUnavailable``."""
    found: list[InboxEntry] = []
    while page := await store.pending(
        partition_of(user), after=found[-1].seq if found else 0, limit=_PAGE, user=user
    ):
        found += page
    return tuple(found)
