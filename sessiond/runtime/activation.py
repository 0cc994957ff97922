"""Activation: from the stored record to a session in memory."""

from typing import Final

import trio
from msgspec.structs import replace

from sessiond import telemetry
from sessiond.core.errors import Refused
from sessiond.core.linking import CODE_USER
from sessiond.core.session.state import SessionState, fresh_state, restore_state
from sessiond.runtime.cell import Cell
from sessiond.runtime.services import Services

__all__ = ["ACCOUNT_SECONDS", "load_account", "load_frames", "load_session"]

#: How long ``load_account`` may take before the user is told to come back.
ACCOUNT_SECONDS: Final = 10.0


async def load_session(services: Services, cell: Cell) -> tuple[SessionState, int]:
    """Read *cell*'s record; a user without one gets a fresh state and version 0.

    Waits for a store that is away.

    Raises:
      SnapshotError: the record cannot be read; the supervisor decides what follows.

    """
    started = services.clock.monotonic()
    loaded = await services.read(lambda: services.store.load(cell.user, cell.partition))
    if loaded is None:
        session_id = services.entropy.token(8).hex()
        return fresh_state(cell.user, session_id=session_id, now=services.clock.now()), 0
    state = restore_state(cell.user, loaded)
    duration = services.clock.monotonic() - started
    telemetry.emit("session.activated", {"duration": duration}, {"user": cell.user})
    return state, loaded.version


async def load_frames(services: Services, cell: Cell, state: SessionState) -> SessionState:
    """Read the frames that only the store has: *state* with its whole outbox. Waits for a store that is away."""
    after = state.stream.floor
    frames = await services.read(lambda: services.store.frames(cell.user, cell.partition, after))
    return replace(state, outbox=frames)


async def load_account(services: Services, cell: Cell) -> tuple[object, Refused | None]:
    """Ask the app for the user's account; a refusal (``unknown_user``) is an answer, not a failure.

    Raises:
      Exception: whatever the app's user source raised; ``trio.TooSlowError`` after ten seconds.

    """
    if not services.program.has_accounts or cell.user.startswith(CODE_USER):
        return None, None
    try:
        with trio.fail_after(ACCOUNT_SECONDS):
            return await services.program.load_account(cell.user), None
    except Refused as refusal:
        return None, refusal
