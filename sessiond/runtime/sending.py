"""Sending: one account's deliveries leave as calls to its provider.

What a call's answer means is the gateway's to say; what follows from it is decided here. A delivery leaves the store
with the turn that its person's actor makes of the result, so it is called at least once: a process that dies between
the provider's answer and that commit makes the call again when it is back. In one process it is not made again.

Between two tries of one delivery: doubling waits with jitter, or what the provider asks for. What concerns all of the
account (its rate limit, nobody at the address) holds all of it back. Credentials that are not accepted stop the account
until an operator lets it go on, or the node is started anew; its deliveries stay.
"""

import logging
import math
from typing import Final, NoReturn, Protocol

import trio

from sessiond import telemetry
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.credentials import with_credentials
from sessiond.core.gateways.inputs import DeliverySettled, FileUpload
from sessiond.core.gateways.media import with_media_id
from sessiond.core.gateways.messages import LocalFile, ProviderCall
from sessiond.core.gateways.outgoing import Outgoing, decode_outgoing
from sessiond.core.gateways.port import (
    OUTCOMES,
    AccountStopped,
    CallingGateway,
    GivenUp,
    Judgement,
    Sent,
    TryAgain,
    WindowClosed,
)
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock, Entropy
from sessiond.core.records import Delivery
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.bell import Bell
from sessiond.runtime.delivery_queue import DeliveryQueue, Waiting
from sessiond.runtime.directory import Directory
from sessiond.runtime.provider_calls import CallFailed, CallProvider
from sessiond.runtime.telling import Taken, tell_until_taken
from sessiond.runtime.threads import Threads
from sessiond.runtime.uploads import Attached, Uploaded, Uploads

__all__ = ["Sender", "SenderHost"]

#: Between two tries of one delivery.
_DELIVERY: Final = Backoff(2.0, 300.0)

#: Of an account that nobody answers for.
_ACCOUNT: Final = Backoff(1.0, 60.0)

#: Of a result that its actor does not take: a quarantine may last until somebody looks.
_RESULT: Final = Backoff(0.5, 60.0)

#: So often a message is sent whose provider says that it has it, in words that we cannot read: in some five minutes.
_TAKINGS: Final = 8

#: How long a limit holds of which the provider does not say it.
_LIMIT: Final = 60.0

#: Whatever a provider asks for, we look again.
_LONGEST_WAIT: Final = 3600.0

_log: Final = logging.getLogger("sessiond.gateways")


class SenderHost(Protocol):
    """What all senders of a node share."""

    directory: Directory
    call: CallProvider
    clock: Clock
    entropy: Entropy
    threads: Threads

    def freed(self) -> None:
        """Note that a delivery has left memory."""
        ...


class Sender:
    """Sends the deliveries of one account. ``run`` is its task; the other methods are synchronous."""

    def __init__(self, account: Account, gateway: CallingGateway, host: SenderHost) -> None:
        self.account = account
        self.queue = DeliveryQueue(account.settings, host.clock.monotonic())
        self.stopped = ""
        """Why nothing is sent until an operator looks; empty: it is."""
        self.calls = 0
        """Under way now."""
        self.active = 0
        """Calls under way, and results that an actor has not taken yet."""
        self._gateway = gateway
        self._host = host
        self._uploads: Uploads | None = None
        if account.uploads is not None:
            self._uploads = Uploads(
                account.name,
                account.settings,
                account.uploads,
                self._exchange,
                clock=host.clock,
                threads=host.threads,
            )
        self._limited = (UserId(""), -math.inf)
        """Who was told last that he, or all, sent too much, and until when that holds."""
        self._failures = 0
        self._is_ending = False
        self._bell = Bell()

    def put(self, user: UserId, delivery: Delivery, *, replaces: bool = True) -> None:
        """Take a delivery in charge; one with its id is replaced, or kept."""
        clock = self._host.clock
        ready_at, wait = clock.monotonic(), delivery.due - clock.now()
        if wait > 0:  # seldom; the clock that dated it may have been ahead
            ready_at += min(wait, max(0.0, delivery.due - decode_outgoing(delivery.body).at))
        if self.queue.put(user, delivery, ready_at, replaces=replaces):
            self._bell.ring()  # behind others it changes nothing of when the sender looks next

    def discard(self, user: UserId, delivery_id: str) -> None:
        """Forget a delivery that a commit has settled."""
        self.queue.discard(user, delivery_id)
        self._bell.ring()

    def resume(self) -> None:
        """Send again, at once: an operator says that it will work."""
        was_stopped, self.stopped = self.stopped, ""
        self.queue.end_waits(self._host.clock.monotonic())
        self._failures = 0
        self._bell.ring()
        if was_stopped:
            telemetry.emit("gateway.resumed", {}, {"account": self.account.name})

    def end(self) -> None:
        """Make no more calls; those under way go on."""
        self._is_ending = True
        self._bell.ring()

    async def run(self) -> NoReturn:
        """Send until cancelled. What is under way then is called again by the next run."""
        limit = self.account.settings.concurrent_calls
        async with trio.open_nursery() as nursery:
            while True:
                if self._is_ending or self.stopped or self.calls >= limit:
                    await self._bell.wait()
                    continue
                taken = self.queue.take(self._host.clock.monotonic())
                if isinstance(taken, float):
                    await self._bell.wait(taken)
                    continue
                self.calls += 1
                self.active += 1
                nursery.start_soon(self._send, *taken)

    async def _send(self, user: UserId, waiting: Waiting) -> None:
        try:
            judgement = await self._judgement(user, waiting)
            self.calls -= 1
            self._bell.ring()
            await self._carry_out(user, waiting, judgement)
        finally:
            self.active -= 1
            self._bell.ring()
            self._host.freed()

    async def _judgement(self, user: UserId, waiting: Waiting) -> Judgement:
        """Find out what becomes of a delivery now: by calling, unless it is too late for that."""
        outgoing = decode_outgoing(waiting.delivery.body)
        now = self._host.clock.now()
        if now - outgoing.at >= self.account.settings.give_up_seconds:
            return _too_late(waiting.reason)
        if (
            outgoing.closes_at is not None
            and now >= outgoing.closes_at
            and not outgoing.is_template
        ):
            return WindowClosed("the person has not written lately: only templates until he does")
        waiting.attempts += 1
        judgement = await self._called(waiting, outgoing.call)
        if not isinstance(judgement, TryAgain):
            return judgement
        waiting.takings += judgement.is_taken
        if waiting.takings >= _TAKINGS:
            return GivenUp(f"{judgement.reason}; sent {waiting.takings} times")
        return self._put_off(user, waiting, judgement, outgoing)

    async def _called(self, waiting: Waiting, call: ProviderCall) -> Judgement:
        """Make the call of a delivery, after that which uploads its file, or with that in it, if it has one."""
        seconds = self.account.settings.call_seconds
        if call.file is None:
            return await self._exchange(call, seconds)
        if self._uploads is None:
            return GivenUp("files are not uploaded on this account")
        while True:
            found = await self._uploads.find(call.file, call)
            waiting.upload = _told(call.file, found) or waiting.upload
            if isinstance(found, Attached):
                return found.judgement
            if not isinstance(found, Uploaded):
                return found
            judgement = await self._exchange(with_media_id(call, found.id), seconds)
            is_odd = isinstance(judgement, GivenUp) and not judgement.is_personal
            if found.is_new or not is_odd:
                return judgement
            self._uploads.forget(call.file)  # it may be the id that is not taken any more

    async def _exchange(self, call: ProviderCall, seconds: float) -> Judgement:
        """Make a call, and say what came of it."""
        gateway, host = self._gateway, self._host
        began = host.clock.monotonic()
        judgement: Judgement
        try:
            call = with_credentials(call, gateway.credentials)
            with trio.fail_after(seconds):
                response = await host.call(call, seconds)
            judgement = _checked(gateway.judge(response))
        except CallFailed as failed:
            judgement = TryAgain(failed.reason, account=not failed.reached)
        except trio.TooSlowError:
            judgement = TryAgain("no answer in time")
        except Exception as error:  # noqa: BLE001 -- a gateway's code; its message may hold what the provider said
            kind = type(error).__name__
            fields = {"fields": {"account": self.account.name, "error": kind}}
            _log.error("a gateway cannot judge an answer", extra=fields)
            judgement = TryAgain(f"the gateway cannot judge the answer ({kind})")
        about = {"account": self.account.name, "outcome": OUTCOMES[type(judgement)]}
        telemetry.emit("gateway.call", {"duration": host.clock.monotonic() - began}, about)
        if not (isinstance(judgement, TryAgain) and judgement.account):
            self._failures = 0
        return judgement

    def _put_off(
        self, user: UserId, waiting: Waiting, judged: TryAgain, outgoing: Outgoing
    ) -> Judgement:
        """Set when to try again; given up when that would be too late."""
        host, waiting.reason = self._host, judged.reason
        now = host.clock.monotonic()
        if self._concerns_all(user, judged, now):
            until = self._hold(now, judged)
        elif judged.seconds is None:
            until = now + _DELIVERY.wait(waiting.attempts, host.entropy.jitter())
        else:
            until = now + _asked_for(judged.seconds, host.entropy.jitter())
        waiting.ready_at = until
        if outgoing.is_receipt:
            # Nobody waits for it later, and it would hold up what comes behind.
            return GivenUp(judged.reason)
        if host.clock.now() + until - now - outgoing.at >= self.account.settings.give_up_seconds:
            return _too_late(judged.reason)
        telemetry.emit(
            "delivery.put_off",
            {"wait": until - now, "attempts": waiting.attempts},
            {"user": user, "account": self.account.name, "reason": judged.reason},
        )
        return judged

    def _concerns_all(self, user: UserId, judged: TryAgain, now: float) -> bool:
        if not judged.perhaps_account:
            return judged.account
        (other, until), seconds = self._limited, judged.seconds or _LIMIT
        self._limited = user, now + min(seconds, _LONGEST_WAIT)
        return other != user and now < until

    def _hold(self, now: float, judged: TryAgain) -> float:
        """Hold the whole account back; calls that were under way meanwhile count as one failure."""
        queue, jitter = self.queue, self._host.entropy.jitter()
        if judged.seconds is not None:
            until = now + _asked_for(judged.seconds, jitter)
        elif now < queue.held_until:
            return queue.held_until
        else:
            self._failures += 1
            until = now + _ACCOUNT.wait(self._failures, jitter)
        if until > queue.held_until:
            queue.held_until = until
            about = {"account": self.account.name, "reason": judged.reason}
            telemetry.emit("gateway.held", {"wait": until - now}, about)
        return queue.held_until

    async def _carry_out(self, user: UserId, waiting: Waiting, judgement: Judgement) -> None:
        match judgement:
            case TryAgain():
                self.queue.put_back(user, waiting, waiting.ready_at)
            case AccountStopped():
                self.stop(judgement.reason)
                self.queue.put_back(user, waiting, waiting.ready_at)
            case Sent() | GivenUp() | WindowClosed():
                if self.queue.has(user, waiting):
                    await self._settle(user, waiting, judgement)
                self.queue.finish(user, waiting)

    def stop(self, reason: str) -> None:
        """Make no more calls until ``resume``: an operator has to look."""
        if not self.stopped:
            self.stopped = reason or "the credentials are not accepted"
            about = {"account": self.account.name, "reason": self.stopped}
            telemetry.emit("gateway.stopped", {}, about)

    async def _settle(
        self, user: UserId, waiting: Waiting, judgement: Sent | GivenUp | WindowClosed
    ) -> None:
        """Tell the actor until its turn is durable: until then the delivery is in the store."""
        host, delivery = self._host, waiting.delivery
        settled = DeliverySettled(
            delivery.id, delivery.body, judgement, waiting.attempts, waiting.upload
        )
        ref = host.directory.locate(user)
        refusals = 0
        while await tell_until_taken(ref, lambda: (settled, Taken()), host.entropy) is not None:
            refusals += 1
            await trio.sleep(_RESULT.wait(refusals, host.entropy.jitter()))
        telemetry.emit(
            "delivery.settled",
            {
                "attempts": waiting.attempts,
                "age": max(0.0, host.clock.now() - decode_outgoing(delivery.body).at),
            },
            {"user": user, "account": self.account.name, "outcome": OUTCOMES[type(judgement)]},
        )


def _told(file: LocalFile, found: Uploaded | Attached | Judgement) -> FileUpload | None:
    """Say what the journal is told of a file; ``None``: nothing has happened, or not yet."""
    if isinstance(found, GivenUp):
        return FileUpload(file.mime_type, reason=found.reason)
    if isinstance(found, Attached) or (isinstance(found, Uploaded) and found.is_new):
        return FileUpload(file.mime_type, found.size)
    return None


def _checked(judgement: object) -> Judgement:
    if not isinstance(judgement, Judgement):
        raise TypeError("no judgement")
    return judgement


def _asked_for(seconds: float, jitter: float) -> float:
    """Wait as long as the provider says, and a little more: others were told the same."""
    return min(max(0.0, seconds), _LONGEST_WAIT) + jitter


def _too_late(reason: str) -> GivenUp:
    return GivenUp(f"it could not be delivered in time; {reason or 'it was never tried'}")
