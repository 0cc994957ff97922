"""Calls of the app: one handler or hook is run, and what it asked for is applied to the turn in the making."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery
from sessiond.core.errors import Refused, SnapshotTooLarge
from sessiond.core.ids import ConnectionId, Digest, UserId
from sessiond.core.records import Consumed
from sessiond.core.session import machine
from sessiond.core.session.outcome import NOTHING, Outcome
from sessiond.core.session.program import Call, CallKind, Context
from sessiond.runtime.computed import Computed
from sessiond.runtime.journals import journal_page
from sessiond.runtime.services import Services

__all__ = ["Calls"]


def _reach_nobody(_turn: Computed, _outcome: Outcome) -> None:
    """Stand in until there are conversations."""


class Calls:
    """The app as one user's actor calls it. *account* is what ``load_account`` returned."""

    __slots__ = ("account", "reach_out", "refusal", "services", "user")

    def __init__(self, services: Services, user: UserId) -> None:
        self.services = services
        self.user = user
        self.account: object = None
        self.reach_out: Callable[[Computed, Outcome], None] = _reach_nobody
        """Carries out what an outcome asks of gateways and flows."""
        self.refusal: Refused | None = None
        """Why the app will not serve this user (``unknown_user``)."""

    @property
    def who(self) -> dict[str, object]:
        """The metadata of most telemetry events."""
        return {"user": self.user}

    def check_known(self) -> None:
        """Raise the refusal, if there is one."""
        if self.refusal is not None:
            raise self.refusal

    def handle(self, call: Call, turn: Computed) -> Awaitable[Outcome]:
        """Run the handler of an input; awaiting it raises what the handler raises."""
        context = Context(turn.state, self.services.clock.now(), self.account, self._read_journal)
        return self.services.program.call(call, context)

    def _read_journal(self, query: JournalQuery) -> Awaitable[JournalPage]:
        return journal_page(self.services.store, self.user, query)

    async def hook(
        self,
        kind: CallKind,
        turn: Computed,
        *,
        name: str = "",
        payload: object = None,
        connection: ConnectionId | None = None,
    ) -> Outcome:
        """Run a lifecycle hook, if the app has one, and apply what it asked for, but the end: that is returned.

        Nobody waits for what a hook returns.
        """
        if not self.services.program.handles(kind, ""):
            return NOTHING
        outcome = await self.handle(Call(kind, name, payload, connection), turn)
        self.apply(turn, replace(outcome, reply=None))
        return outcome

    def apply(self, turn: Computed, outcome: Outcome) -> None:
        """Apply everything *outcome* asks for, but the end.

        Raises:
          Refused: TOO_LARGE, the snapshot would exceed its bound.

        """
        if outcome is NOTHING:
            return
        services = self.services
        epoch = "" if turn.state.stream.epoch else services.new_epoch()
        lost = turn.state.stream.lost
        try:
            step = machine.apply(turn.state, outcome, services.clock.now(), epoch, services.limits)
        except SnapshotTooLarge as error:
            raise Refused(ErrorCode.TOO_LARGE, str(error)) from None
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        turn.frames = (*turn.frames, *step.frames)
        if step.state.stream.lost != lost:
            dropped = step.state.stream.lost - lost
            turn.signals.append(("outbox.overflowed", {"frames": dropped}, self.who))
        if outcome.sends or outcome.starts or outcome.links:
            self.reach_out(turn, outcome)

    def consume(self, turn: Computed, digest: Digest, reply: bytes | None) -> None:
        """Remember an input's id, and the *reply* for its repeats."""
        limits, now = self.services.limits, self.services.clock.now()
        if digest not in turn.state.window:
            window, gone = turn.state.window.add(
                digest, now, limit=limits.window_ids, keep_seconds=limits.window_ids_seconds
            )
            turn.state = replace(turn.state, window=window)
            turn.forgotten = gone
        turn.consumed = (Consumed(digest, now, reply),)

    def add_reply(self, turn: Computed, digest: Digest, reply: bytes) -> None:
        """Remember what came later of an input, unless its id was forgotten meanwhile; its place is what it was."""
        at = next((at for known, at in turn.state.window if known == digest), None)
        if at is not None:
            turn.consumed = (*turn.consumed, Consumed(digest, at, reply))
