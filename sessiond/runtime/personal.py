"""Everything that is kept of one person: handed out, and removed (design.md 11).

Removing goes through the user's actor, like every other change: the turn of ``Stop(erase=True)`` deletes the record
with all that stands beside it and consumes what was accepted and has not run, in one commit. A quarantined user has
no actor, so the same commit is written here. Dead letters follow; a removal that was cut short is repeated.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sessiond.core.codes import CloseCode
from sessiond.core.errors import Fenced, SnapshotError, StoreError
from sessiond.core.ids import UserId, partition_of
from sessiond.core.operations import PersonExport, UnknownTarget
from sessiond.core.ports import Store
from sessiond.core.records import DeadLetter, Loaded, Timer, UserCommit, VerdictStatus
from sessiond.core.session.inputs import Stop
from sessiond.core.session.snapshot import Snapshot, decode_snapshot
from sessiond.runtime.cell import Standing
from sessiond.runtime.link_steps import part
from sessiond.runtime.node import NodeRuntime
from sessiond.runtime.unrun import list_unrun

__all__ = ["erase", "export"]

_PAGE: Final = 256

#: All of a partition's deliveries and a user's journal are read at once: an export is rare.
_ALL: Final = 1_000_000


async def erase(runtime: NodeRuntime, user: UserId, *, reason: str, seconds: float) -> None:
    """End *user*'s session and remove everything that is kept of him.

    What is accepted while this runs may begin a session anew. Raised errors leave part of it: call again.

    Raises:
      UnknownTarget: nothing is kept of this user.
      Refused, AskTimeout, ActorGone, MailboxFull, TurnFailed: as ``ActorRef.ask``, with *seconds*.
      Fenced: this node does not own the user any more.
      StoreUnavailable: nothing is decided.

    """
    cell = runtime.registry.get(user)
    if cell is not None and cell.standing is Standing.QUARANTINED:
        await _erase_quarantined(runtime, user)
    elif cell is not None or await _has_record(runtime, user):
        stop = Stop(reason, CloseCode.ENDED, erase=True)
        await runtime.directory.locate(user).ask(stop, timeout=seconds)
    elif not await runtime.store.dead_letters(user=user, limit=1):
        raise UnknownTarget("nothing is kept of this user")
    for letter in await _letters(runtime.store, user):
        await runtime.store.drop_dead_letter(letter.id)


async def _has_record(runtime: NodeRuntime, user: UserId) -> bool:
    """Tell whether there is anything that an actor would find."""
    partition = partition_of(user)
    if await runtime.store.load(user, partition) is not None:
        return True
    return bool(await runtime.store.pending(partition, user=user, limit=1))


async def _erase_quarantined(runtime: NodeRuntime, user: UserId) -> None:
    partition = partition_of(user)
    loaded = await runtime.store.load(user, partition)
    await part(runtime.services, user, _last_readable(loaded))
    commit = UserCommit(
        user=user,
        partition=partition,
        commit_id=runtime.entropy.token(16),
        expected_version=0 if loaded is None else loaded.version,
        inbox_done=tuple(entry.seq for entry in await list_unrun(runtime.store, user)),
        delete=True,
    )
    (verdict,) = await runtime.store.commit([commit], runtime.ownership.fences)
    if verdict.status is VerdictStatus.FENCED:
        raise Fenced("this node does not own the user any more")
    if verdict.status is not VerdictStatus.APPLIED:
        raise StoreError("the record changed meanwhile; try again")
    if runtime.deliveries is not None:
        runtime.deliveries.forget(user)
    runtime.supervisor.release(user)


def _last_readable(loaded: Loaded | None) -> Snapshot:
    """Find what is known of whom a user is linked with, also when his record is damaged."""
    for stored in () if loaded is None else (loaded.snapshot, loaded.previous):
        try:
            if stored is not None:
                return decode_snapshot(stored)
        except SnapshotError:
            pass
    return Snapshot(session_id="", created_at=0.0)


async def _letters(store: Store, user: UserId) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    after = ""
    while page := await store.dead_letters(user=user, after=after, limit=_PAGE):
        found += page
        after = page[-1].id
    return found


async def export(runtime: NodeRuntime, user: UserId) -> PersonExport:
    """Collect everything that is kept of *user*, as it is committed; nobody is woken.

    It is read record by record: what changes meanwhile may be seen or not.

    Raises:
      UnknownTarget: nothing is kept of this user.
      StoreUnavailable: the store is away.

    """
    store, partition = runtime.store, partition_of(user)
    loaded = await store.load(user, partition)
    pending = await list_unrun(store, user)
    letters = await _letters(store, user)
    if loaded is None and not pending and not letters:
        raise UnknownTarget("nothing is kept of this user")
    window = () if loaded is None else loaded.window
    return PersonExport(
        user=user,
        at=runtime.clock.now(),
        record=None if loaded is None else _record(loaded),
        pushes=tuple(
            {"offset": frame.offset, "at": frame.at, **_push(frame.message)}
            for frame in await store.frames(user, partition, 0)
        ),
        inputs=tuple(
            [
                {"at": at, "reply": _document(await store.reply(user, partition, digest))}
                for digest, at in window
            ]
        ),
        timers=() if loaded is None else tuple(_timer(timer) for timer in loaded.timers),
        inbox=tuple(
            {"kind": one.kind, "at": one.at, "attempts": one.attempts, "body": _document(one.body)}
            for one in pending
        ),
        dead_letters=tuple(_letter(letter) for letter in letters),
        deliveries=tuple(
            {"id": one.id, "due": one.due, "body": _document(one.body)}
            for owner, one in await store.deliveries(partition, limit=_ALL)
            if owner == user
        ),
        journal=tuple(
            _document(entry) for entry in await store.journal(user, partition, limit=_ALL)
        ),
    )


def _record(loaded: Loaded) -> dict[str, object]:
    """Tell the snapshot; of one that cannot be read, that."""
    previous = None if loaded.previous is None else _snapshot(loaded.previous)
    return {"version": loaded.version, **_snapshot(loaded.snapshot), "previous": previous}


def _snapshot(stored: bytes) -> dict[str, object]:
    try:
        snapshot = decode_snapshot(stored)
    except SnapshotError as error:
        return {"unreadable": str(error)}
    return {
        "session_id": snapshot.session_id,
        "created_at": snapshot.created_at,
        "left_at": snapshot.left_at,
        "data": _document(snapshot.data),
        "devices": {
            name: {"cursor": device.cursor, "left_at": device.left_at}
            for name, device in snapshot.devices.items()
        },
        "conversations": {key: _document(record) for key, record in snapshot.conversations.items()},
        "subscriptions": dict(snapshot.subscriptions),
        "linked_to": snapshot.linked_to,
        "aliases": list(snapshot.aliases),
        "lines": {account: _document(line) for account, line in snapshot.lines.items()},
    }


def _push(tail: bytes) -> Mapping[str, object]:
    event, payload = msgspec.json.decode(b"[%b]" % tail)
    return {"event": event, "payload": payload}


def _timer(timer: Timer) -> dict[str, object]:
    return {"name": timer.name, "due": timer.due, "payload": _document(timer.payload or None)}


def _letter(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "kind": letter.kind,
        "at": letter.at,
        "attempts": letter.attempts,
        "error": letter.error,
        "body": _document(letter.body),
    }


def _document(stored: bytes | None) -> Any:
    """Show stored bytes: as the JSON they are, else as text."""
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return stored.decode(errors="replace")
