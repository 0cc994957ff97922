"""Rolling a quarantined user back: there is no actor, so the record itself is written, under the fence as ever."""

from msgspec.structs import replace

from sessiond.core.errors import Fenced, SnapshotError, StoreError
from sessiond.core.ids import UserId, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import StreamMark, UserCommit, VerdictStatus
from sessiond.core.session.snapshot import (
    Device,
    Snapshot,
    decode_snapshot,
    encode_snapshot,
    rolled_back,
)
from sessiond.runtime.node import NodeRuntime

__all__ = ["roll_back_quarantined"]


async def roll_back_quarantined(runtime: NodeRuntime, user: UserId) -> int:
    """Put the snapshot before the current one back, under a new epoch; returns the record's new version.

    Raises:
      UnknownTarget: there is no record, or no snapshot before the current one.
      SnapshotError: the earlier snapshot cannot be read either; nothing was changed.
      Fenced: this node does not own the user any more.
      StoreUnavailable: nothing is decided.

    """
    partition = partition_of(user)
    loaded = await runtime.store.load(user, partition)
    if loaded is None or loaded.previous is None:
        raise UnknownTarget("there is no earlier snapshot of this user")
    earlier = rolled_back(decode_snapshot(loaded.previous), _readable(loaded.snapshot))
    devices = {name: Device(0, device.left_at) for name, device in earlier.devices.items()}
    commit = UserCommit(
        user=user,
        partition=partition,
        commit_id=runtime.entropy.token(16),
        expected_version=loaded.version,
        snapshot=encode_snapshot(replace(earlier, devices=devices)),
        stream=StreamMark(runtime.services.new_epoch()),
    )
    (verdict,) = await runtime.store.commit([commit], runtime.ownership.fences)
    if verdict.status is VerdictStatus.FENCED:
        raise Fenced("this node does not own the user any more")
    if verdict.status is not VerdictStatus.APPLIED:
        raise StoreError("the record changed meanwhile; try again")
    return verdict.version


def _readable(snapshot: bytes) -> Snapshot | None:
    try:
        return decode_snapshot(snapshot)
    except SnapshotError:
        return None
