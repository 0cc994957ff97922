"""What people on answering accounts (USSD, generic HTTP) are answered: asks their actor within the provider's time.

The answer is always one that the provider can show: what the flow shows; the account's ``wait_text`` when that is not
ready in time (the turn goes on, and the next dial shows what came of it); its ``failed_text`` when the input was not
taken. Only what cannot be read at all is answered otherwise, as the gateway does it.

A request that comes again while the first is being answered gets the answer of the first. One that was answered before,
with more than is kept beside its id, gets the answer that is kept with the person, if that is the last one; else what
waits for him.
"""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec
from attrs import evolve, frozen

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.shown import Readable, read_shown
from sessiond.core.errors import AskTimeout, Refused, SessiondError
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.identities import Identities
from sessiond.core.gateways.inputs import Incoming, Unseen
from sessiond.core.gateways.lines import Answered, decode_answered
from sessiond.core.gateways.messages import ProviderAnswer
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.core.gateways.refusals import check_of_error
from sessiond.core.ids import Digest, UserId, input_digest
from sessiond.core.ports import Clock
from sessiond.core.session.inputs import Input
from sessiond.core.token_bucket import RateLimit, TokenBuckets
from sessiond.edges.http.answers import explain
from sessiond.edges.http.once import Once

__all__ = ["Answers", "Asked", "Directory"]

#: Of the time to answer in, for the turn itself: the queue, the commit, a store that is slow.
_TURN_SECONDS: Final = 2.0
_TURN_SHARE: Final = 0.25

#: Nobody types faster; what a program sends for everybody is one person's each.
_RATE: Final = RateLimit(per_second=5.0, burst=50.0)


class Asked(Protocol):
    """What the door needs of an actor's ref (runtime/ref.py)."""

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        """Wait for what is shown; raises what ``ActorRef.ask`` does."""
        ...

    def tell(self, item: Input) -> None:
        """Put *item* into the mailbox; raises what ``ActorRef.tell`` does."""
        ...


class Directory(Protocol):
    """What the door needs of the directory (runtime/directory.py)."""

    def locate(self, user: UserId) -> Asked:
        """Return the address of *user*'s actor."""
        ...


@frozen
class _Said:
    """One input, as the gateway read it and as the actor is told it."""

    read: Heard
    user: UserId
    told: Heard


@frozen
class _Shown:
    """What a request is answered with."""

    answered: Answered
    outcome: str = "shown"


class Answers:
    """Answers the people of all answering accounts."""

    def __init__(self, identities: Identities, *, directory: Directory, clock: Clock) -> None:
        self._identities = identities
        self._directory = directory
        self._clock = clock
        self._once: Once[_Shown] = Once()
        self._buckets: TokenBuckets[UserId] = TokenBuckets(_RATE)

    async def answer(
        self, account: Account, gateway: AnsweringGateway, heard: Sequence[Heard]
    ) -> ProviderAnswer:
        """Say all that a request holds, in order, and answer with what is shown last.

        Cancelled: it may or may not have been said.

        Raises:
          InvalidInput: the person has neither a number nor an id that can be.

        """
        began = self._clock.monotonic()
        said = [_Said(one, *self._identities.introduce(one, account.name)) for one in heard]
        key = (account.name, *map(_told_apart, said))
        shown, is_first = await self._once.do(key, lambda: self._show(account, said))
        about = {
            "user": said[-1].user,
            "account": account.name,
            "outcome": shown.outcome if is_first else "repeated",
        }
        telemetry.emit("gateway.answered", {"duration": self._clock.monotonic() - began}, about)
        answered = shown.answered
        return gateway.answer(
            said[-1].read, answered.text, is_last=answered.ends, shown=_readable(answered)
        )

    async def _show(self, account: Account, said: Sequence[_Said]) -> _Shown:
        """Ask, and make a text of whatever goes wrong; raises nothing but cancellation."""
        settings = account.settings
        try:
            return _Shown(await self._say(account, said))
        except SessiondError as error:
            if isinstance(error, AskTimeout) and error.applied is not False:
                self._take_back(account, said[0])
                return _Shown(Answered(text=settings.wait_text, ends=True), "wait")
            explained = explain(error)
            code = ErrorCode.INTERNAL_ERROR.value if explained is None else explained.code
            if explained is None:
                _failed(error)
            about = {"account": account.name, "code": code, "check": check_of_error(error)}
            telemetry.emit("gateway.refused", {}, about)
        except Exception as error:  # noqa: BLE001 -- one request's crash is not the connection's
            _failed(error)
        return _Shown(Answered(text=settings.failed_text, ends=True), "failed")

    def _take_back(self, account: Account, said: _Said) -> None:
        """Have the actor keep for the next dial what comes too late for this one."""
        with suppress(SessiondError):  # his mailbox is full: what he says next goes on from there
            self._directory.locate(said.user).tell(Unseen(account.name, said.told))

    async def _say(self, account: Account, said: Sequence[_Said]) -> Answered:
        first, *others = said
        self._check_rate(first.user)
        seconds = account.gateway.limits.answer_seconds
        item = Incoming(
            account.name,
            first.told,
            _wait(seconds),
            _digest(account, first.read),
            tuple(other.told for other in others),
        )
        ref = self._directory.locate(first.user)
        answered = decode_answered(await ref.ask(item, timeout=seconds))
        if answered.duplicate:
            answered = decode_answered(await ref.ask(evolve(item, reminds=True), timeout=seconds))
        return answered

    def _check_rate(self, user: UserId) -> None:
        wait = self._buckets.take(user, self._clock.monotonic())
        if wait > 0:
            telemetry.emit("rate.limited", {}, {"scope": "user", "user": user})
            raise Refused(ErrorCode.RATE_LIMITED, "too many inputs of this person")


def _wait(seconds: float) -> float:
    """Say how long to wait for functions that the flow runs, of the *seconds* that we may take."""
    return seconds - min(_TURN_SECONDS, seconds * _TURN_SHARE)


def _digest(account: Account, read: Heard) -> Digest | None:
    """Name the request by its message's id, where the text does not tell what is new in it."""
    if not read.id or read.so_far is not None:
        return None
    return input_digest(f"{account.kind}:heard", read.id)


def _told_apart(said: _Said) -> Hashable:
    """Give all that makes an input another one: not the time, nor what is said of the person."""
    read = said.read
    fixed = (said.user, read.id, read.facts.request_id, read.begins, read.so_far, read.hangs_up)
    return (*fixed, msgspec.json.encode(read.answer))


def _readable(answered: Answered) -> Readable:
    return read_shown(bytes(answered.shown))


def _failed(error: Exception) -> None:
    telemetry.emit("door.failed", {}, {"door": "gateway", "error": type(error).__name__})
