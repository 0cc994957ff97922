"""The dialogue: the turns of one user's conversations, as the actor computes them.

What the pure core (core/conversations) took becomes part of the turn: the stored conversations and the journal go
into its commit, what is shown into its reply or a push, a function to call into an effect that leaves when it is
durable. Two reserved timers stand behind that: ``$conversations`` ends what has expired, ``$runs`` starts functions
again that a node before this one did not finish.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec
from attrs import evolve
from msgspec.structs import replace

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.conversations import Conversations, next_expiry
from sessiond.core.conversations.redials import Missed, taken_back
from sessiond.core.conversations.taken import Taken
from sessiond.core.errors import AppFailed, InvalidInput, Refused, SnapshotError
from sessiond.core.flows.flow import Host
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.lines import encode_answered, line_name
from sessiond.core.ids import Digest
from sessiond.core.records import MAX_STORED_REPLY
from sessiond.core.rendering.screens import without_media
from sessiond.core.session import inputs
from sessiond.core.session.effects import Reply, StartRun
from sessiond.core.session.outcome import Outcome, PushRequest, TimerRequest
from sessiond.core.session.timers import Timers, with_timers, without_timer
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.driving import Driving
from sessiond.runtime.flow_signals import log_failure, signals_of
from sessiond.runtime.gateway_journal import tell_downloads, tell_page
from sessiond.runtime.gateway_output import (
    deliver,
    keep_answer,
    line_of,
    page_of,
    put_line,
    show_page,
    wait_page,
)

__all__ = ["CONVERSATIONS_TIMER", "RUNS_TIMER", "Dialogue"]

CONVERSATIONS_TIMER: Final = "$conversations"
RUNS_TIMER: Final = "$runs"

#: What conversations say when nobody waits for it.
_PUSH: Final = b'"flow:output"'

_NOTHING_SHOWN: Final = b"{}"

#: How long after its start a function is looked after again; if it is still under way, once more.
_RUN_SECONDS: Final = 15.0

#: From so many refusals on there is no room for a failure either (``Settled.refusals``).
_NOTHING_FITS: Final = 3

#: When to look again after conversations of an app that has no flows.
_NO_FLOWS_SECONDS: Final = 3600.0

_log: Final = logging.getLogger("sessiond.app")


class Dialogue:
    """The conversations of one user; nothing is held before the first input for them."""

    __slots__ = ("_calls", "_conversations", "_services", "_shown")

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._services = calls.services
        self._conversations: Conversations | None = None
        self._shown: dict[str, tuple[int, Missed | None]] = {}
        """By the line: which request was answered there last, and with what; missed, when that comes too late."""

    def said(self, turn: Computed, item: inputs.Said, *, is_answered: bool = True) -> None:
        """Compute the turn of what a person said; *is_answered*: somebody waits for what is shown.

        Raises:
          Refused: BAD_REQUEST, a fact is missing or the flow unknown; TOO_LARGE; UNKNOWN_EVENT, the app has no flows.

        """
        item = evolve(item, refusals=turn.refusals) if turn.refusals else item
        waits_seconds = item.waits_seconds if is_answered and not item.unprompted else None
        try:
            self._apply(turn, self._taken(turn, item), waits_seconds, item.digest)
        except Refused as error:
            if error.code is not ErrorCode.TOO_LARGE or item.refusals:
                raise
            item = evolve(item, refusals=(error.message,))
            self._apply(turn, self._taken(turn, item), waits_seconds, item.digest)
        if item.digest is not None:
            self._calls.consume(turn, item.digest, _reply_of(turn))

    def _taken(self, turn: Computed, item: inputs.Said) -> Taken:
        stored, now = turn.state.snapshot.conversations, self._services.clock.now()
        try:
            return self._opened().take(item, stored, now)
        except InvalidInput as error:
            raise Refused(ErrorCode.BAD_REQUEST, str(error)) from None

    def goes_on(self, turn: Computed, item: inputs.Said) -> bool:
        """Tell whether a dial goes on with an earlier one, or asks whether it should."""
        stored, now = turn.state.snapshot.conversations, self._services.clock.now()
        return self._opened().goes_on(item, stored, now)

    def screen(self, turn: Computed, item: inputs.Said) -> str | None:
        """Name the screen that waits for whoever says *item*: ``Conversations.screen``.

        Raises:
          Refused: UNKNOWN_EVENT, the app has no flows.

        """
        stored, now = turn.state.snapshot.conversations, self._services.clock.now()
        conversations = self._conversations or self._opened()
        return conversations.screen(item.facts, stored, now)

    def settled(self, turn: Computed, item: inputs.Settled) -> None:
        """Compute the turn of a function's result; a stale one changes nothing."""
        stored, now = turn.state.snapshot.conversations, self._services.clock.now()
        turn.phone = item.phone
        item = evolve(item, refusals=turn.refusals) if turn.refusals else item
        taken = self._opened().settle(item, stored, now)
        if taken is None:
            turn.effects = (*turn.effects, Reply(_NOTHING_SHOWN))
            return
        tell_downloads(turn, self._services, item, flow=taken.flow)
        while refused := self._refusal(turn, taken, item):
            item = evolve(item, refusals=(*item.refusals, refused))
            taken = self._opened().settle(item, stored, now)
            assert taken is not None
        if item.digest is not None:
            self._answered_later(turn, taken.account, item.digest)

    def _answered_later(self, turn: Computed, name: str, digest: Digest) -> None:
        """Keep for repeats of the input *digest*, which made a function run, what came of that."""
        reply, account = _reply_of(turn), self._services.accounts.get(name)
        if reply is not None:
            self._calls.add_reply(turn, digest, reply)
        elif account is not None and account.answers is not None:
            keep_answer(turn, account, digest)

    def _refusal(self, turn: Computed, taken: Taken, item: inputs.Settled) -> str:
        """Make what came of a result part of the turn; not empty: it is too large, and less has to come of it.

        In the end nothing does. Or the function would be called again and again, for what cannot be kept.
        """
        if len(item.refusals) < _NOTHING_FITS:
            return self._applied(turn, taken, item.waits_seconds, item.digest)
        _log.error("flow %r waits until the person says something", taken.flow)
        timers = without_timer(turn.state.timers, RUNS_TIMER)
        turn.state = replace(turn.state, timers=timers)
        turn.effects = (*turn.effects, Reply(_NOTHING_SHOWN))
        return ""

    def asks(self, account: str, heard: Heard) -> None:
        """Note that what is shown on *account* answers *heard* from now on."""
        name = line_name(account, heard.alias)
        _, missed = self._shown.get(name, (0, None))  # pages are turned without a flow
        self._shown[name] = (_request_of(heard), missed)

    def unseen(self, turn: Computed, item: inputs.Unseen) -> None:
        """Compute the turn of an answer that came too late: the next dial shows it, or a repeat of the request does.

        Unless another request was answered since.
        """
        book, account, turn.phone = self._services.book, item.account, item.heard.alias
        name = line_name(account, turn.phone)
        request, missed = self._shown.get(name, (0, None))
        if missed is None or book is None or request != _request_of(item.heard):
            return
        del self._shown[name]
        before, now = turn.state.snapshot, self._services.clock.now()
        stored, ttl = before.conversations, book.sessions.ttl(missed.channel.platform)
        with suppress(SnapshotError, Refused):  # unreadable, or too large: what is stored stays
            raw = taken_back(stored.get(missed.key), missed, now, ttl)
            kept = {**stored, missed.key: raw}
            self._check_size(kept)
            turn.state = replace(turn.state, snapshot=replace(before, conversations=kept))
            self._rearm(turn)
            put_line(turn, account, replace(line_of(turn, account), answered=None))

    def ended(self, turn: Computed, item: inputs.EndConversations) -> None:
        """Compute the turn of an operator who ends conversations."""
        stored = turn.state.snapshot.conversations
        keys = [key for key in stored if item.conversation in {None, key}]
        for key in keys:
            now, stored = self._services.clock.now(), turn.state.snapshot.conversations
            self._applied(turn, self._opened().end(key, stored, now), None)
        told = msgspec.json.encode({"ended": len(keys)})
        turn.effects = (*turn.effects, Reply(told))

    def fired(self, turn: Computed, name: str) -> None:
        """Compute the turn of one of the reserved timers, which was consumed."""
        stored, now = turn.state.snapshot.conversations, self._services.clock.now()
        if self._services.book is None:  # a version without flows: another one will bring them back
            later = TimerRequest(name, now + _NO_FLOWS_SECONDS)
            turn.state = replace(turn.state, timers=with_timers(turn.state.timers, (later,), now))
            return
        conversations = self._opened()
        run_timer = name == RUNS_TIMER
        for taken in (conversations.resume if run_timer else conversations.expire_due)(stored, now):
            self._applied(turn, taken, None)
        self._rearm(turn)

    def resume(self, turn: Computed) -> None:
        """Start again what an earlier run of the node left, at an activation."""
        if RUNS_TIMER in turn.state.timers:
            self.rolled_back(turn)

    def rolled_back(self, turn: Computed) -> None:
        """Call the functions that the conversations wait for now; another state's timers are as they were."""
        stored = turn.state.snapshot.conversations
        if stored and self._services.book is not None:
            for taken in self._opened().resume(stored, self._services.clock.now()):
                self._applied(turn, taken, None)
            self._rearm(turn)

    def put_away(self) -> None:
        """Close every flow's coroutine; the records are what is left."""
        conversations, self._conversations = self._conversations, None
        self._shown.clear()
        if conversations is not None:
            self._services.awake.forget(self)
            for failure in conversations.put_away():
                _log.error("a flow failed while it was put away: %s", failure)

    def _opened(self) -> Conversations:
        services = self._services
        if self._conversations is None:
            if services.book is None:
                raise Refused(ErrorCode.UNKNOWN_EVENT, "this app has no flows")
            host = Host(services.clock, services.entropy, Driving)
            self._conversations = Conversations(services.book, host, self._calls.user)
        services.awake.touch(self)
        return self._conversations

    def _applied(
        self,
        turn: Computed,
        taken: Taken,
        waits_seconds: float | None,
        digest: Digest | None = None,
    ) -> str:
        """Make what was taken part of a turn that nobody can repeat; not empty: it is too large, and nothing is."""
        try:
            self._apply(turn, taken, waits_seconds, digest)
        except Refused as error:
            _log.error("flow %r cannot go on: %s", taken.flow, error)
            return error.message
        return ""

    def _apply(
        self,
        turn: Computed,
        taken: Taken,
        waits_seconds: float | None,
        digest: Digest | None = None,
    ) -> None:
        """Make what was taken part of the turn. *waits_seconds*: ``None`` when nobody is to be answered at all.

        *digest* is the id of the input that is answered, if it has one.

        Raises:
          Refused: TOO_LARGE; the turn is what it was.

        """
        if taken.error is not None:
            log_failure(taken.flow, taken.error, self._calls.user)
        before = turn.state.snapshot
        if taken.stored is not before.conversations:
            self._check_size(taken.stored)
            turn.state = replace(turn.state, snapshot=replace(before, conversations=taken.stored))
        turn.journal = (*turn.journal, *taken.journal)
        turn.signals += signals_of(taken.happenings, self._calls.user)
        output = taken.output
        account = self._services.accounts.get(taken.account)
        if taken.is_push and output is not None:
            push = PushRequest(_PUSH, taken.shown)
            self._calls.apply(turn, Outcome(pushes=(push,)))
        elif account is not None and account.calls is not None and output is not None:
            self._deliver(turn, account, taken, output)
        # Who speaks while a function runs is told so at once; who made it run waits for what comes of it.
        goes_on_waiting = bool(waits_seconds) and output is not None and output.run is not None
        if waits_seconds is not None and not goes_on_waiting:
            turn.effects = (*turn.effects, Reply(self._reply(turn, account, taken)))
        if account is not None and account.answers is not None and waits_seconds is not None:
            self._note_shown(turn, account.name, None if goes_on_waiting else taken)
        if taken.run is not None:
            waits = (waits_seconds or 0.0) if goes_on_waiting else 0.0
            start = StartRun(
                taken.key,
                taken.flow,
                taken.run,
                waits,
                taken.waiting_text,
                digest if waits else None,
                b"" if account is None else wait_page(account),
                turn.phone,
            )
            turn.effects = (*turn.effects, start)
        if taken.links:
            self._calls.reach_out(turn, Outcome(links=taken.links))
        if taken.stored is not before.conversations:
            self._rearm(turn, taken)

    def _note_shown(self, turn: Computed, account: str, taken: Taken | None) -> None:
        name = line_name(account, turn.phone)
        request, missed = self._shown.get(name, (0, None))[0], None
        if taken is not None and taken.output is not None and taken.happenings:
            channel, messages = taken.happenings[-1].channel, taken.output.messages
            missed = Missed(taken.key, taken.flow, account, channel, messages)
        self._shown[name] = (request, missed)

    def _deliver(self, turn: Computed, account: Account, taken: Taken, output: Output) -> None:
        """Have *output* sent. What the gateway cannot show is told to its author, and fails no turn.

        A turn that failed for it would fail again: the person could not go on, and a function that the flow has called
        would be called again and again, for a result that is never taken.
        """
        now, about = self._services.clock.now(), {"conversation": taken.key, "flow": taken.flow}
        for shown in _forms(output):
            try:
                deliver(turn, account, shown, now=now, **about)
            except AppFailed as error:
                _log.error("flow %r: %s", taken.flow, error)
            else:
                return

    def _reply(self, turn: Computed, account: Account | None, taken: Taken) -> bytes:
        """Write what whoever waits is answered: a page, where he came by an account that is answered with pages."""
        if account is None or account.answers is None:
            return _NOTHING_SHOWN if taken.is_push else taken.shown
        page = page_of(account, taken.output or Output())
        tell_page(turn, self._services, account, page, conversation=taken.key, flow=taken.flow)
        shown = taken.shown if account.gateway.limits.pages is None else _NOTHING_SHOWN
        prompt = None if taken.output is None else taken.output.prompt
        screen = "" if prompt is None else prompt.screen
        return encode_answered(show_page(turn, account, page, screen, shown))

    def _rearm(self, turn: Computed, taken: Taken | None = None) -> None:
        """Set the reserved timers that are needed, and cancel those that are not; *taken* was applied just now."""
        timers = turn.state.timers
        stored = turn.state.snapshot.conversations
        now = self._services.clock.now()
        changed = _with_expiry(timers, next_expiry(stored, taken), now)
        conversations = self._conversations or self._opened()
        waits = conversations.waits_for_run(stored)
        if waits and RUNS_TIMER not in changed:
            request = TimerRequest(RUNS_TIMER, now + _RUN_SECONDS)
            changed = with_timers(changed, (request,), now)
        elif not waits:
            changed = without_timer(changed, RUNS_TIMER)
        if changed is not timers:
            turn.state = replace(turn.state, timers=changed)

    def _check_size(self, stored: Mapping[str, bytes]) -> None:
        size = sum(map(len, stored.values()))
        limit = self._services.limits.snapshot_bytes
        if size > limit:
            raise Refused(
                ErrorCode.TOO_LARGE, f"conversations of {size} bytes; the bound is {limit}"
            )


def _forms(output: Output) -> Iterator[Output]:
    """Give what is shown, then what of it every gateway can show."""
    yield output
    yield without_media(output)


def _request_of(heard: Heard) -> int:
    """Tell requests of one person apart."""
    return hash((heard.facts.request_id, heard.begins, heard.so_far, heard.answer.text))


def _reply_of(turn: Computed) -> bytes | None:
    """Find what was answered in this turn; ``None``: nothing yet, or too much to be kept."""
    replies = [effect.payload for effect in turn.effects if isinstance(effect, Reply)]
    return replies[-1] if replies and len(replies[-1]) <= MAX_STORED_REPLY else None


def _with_expiry(timers: Timers, due: float | None, now: float) -> Timers:
    """Set the timer of expiry, unless one comes early enough: most conversations go on, and each write costs."""
    if due is None:
        return without_timer(timers, CONVERSATIONS_TIMER)
    current = timers.get(CONVERSATIONS_TIMER)
    if current is not None and current.due is not None and current.due <= due:
        return timers
    return with_timers(timers, (TimerRequest(CONVERSATIONS_TIMER, due),), now)
