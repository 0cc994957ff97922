"""What must not be lost is told until the actor has answered."""

from typing import Any

import trio
from trio.testing import MockClock

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.gateways.inputs import DeliverySettled
from sessiond.core.gateways.port import Sent
from sessiond.core.ports import ReplyTo
from sessiond.core.session.inputs import Input
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.telling import Taken, tell_until_taken

ITEM = DeliverySettled("1.ann", b"", Sent("m1"))


class Ref:
    """An actor's address: raises or answers what is scripted, then takes what it is told."""

    def __init__(self, *script: Exception | str) -> None:
        self.script = list(script)
        self.told: list[float] = []

    def tell(self, item: Input, reply_to: ReplyTo, *, expires_at: float | None = None) -> None:
        assert item is ITEM
        self.told.append(trio.current_time())
        match self.script.pop(0) if self.script else None:
            case Exception() as error:
                raise error
            case str() as code:
                reply_to.error(code, "no")
            case _:
                reply_to.ok(b"{}")


async def tell(ref: Any) -> str | None:
    return await tell_until_taken(ref, lambda: (ITEM, Taken()), SeededEntropy(1))


async def test_what_is_taken_is_told_once() -> None:
    """The answer says so."""
    ref = Ref()
    assert await tell(ref) is None
    assert len(ref.told) == 1


async def test_without_room_or_actor_it_is_told_again(autojump_clock: MockClock) -> None:
    """A full mailbox and a user who cannot be started now: with doubling waits, until he takes it."""
    away = Refused(ErrorCode.UNAVAILABLE, "starting")
    ref = Ref(MailboxFull("full"), away, ErrorCode.UNAVAILABLE, MailboxFull("full"))
    assert await tell(ref) is None

    waits = [after - before for before, after in zip(ref.told, ref.told[1:], strict=False)]
    assert len(waits) == 4
    assert all(
        full / 2 <= wait <= full for full, wait in zip((0.1, 0.2, 0.4, 0.8), waits, strict=True)
    )


async def test_who_will_never_take_it_ends_the_telling() -> None:
    """In quarantine, or a turn that failed: the code says which."""
    quarantined = Refused(ErrorCode.QUARANTINED, "an operator has to look")
    assert await tell(Ref(quarantined)) == ErrorCode.QUARANTINED
    assert await tell(Ref(ErrorCode.HANDLER_FAILED)) == ErrorCode.HANDLER_FAILED


async def test_who_is_cancelled_tells_nobody() -> None:
    """The node ends: its actors may be gone before whoever tells them."""
    ref = Ref()
    with trio.CancelScope() as scope:
        scope.cancel()
        await tell(ref)

    assert ref.told == []
