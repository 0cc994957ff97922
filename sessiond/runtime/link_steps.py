"""Steps of links on their way to another user: written to his inbox before the commit of the turn that tells them.

When a user's record goes, nobody may point at it any more: his aliases are themselves again, and whom he followed
forgets him.
"""

from collections.abc import Awaitable, Callable, Mapping

from sessiond.core.errors import Refused, SessiondError
from sessiond.core.ids import UserId
from sessiond.core.linking import (
    LINK_KIND,
    LINK_TIMER,
    Errand,
    decode_errand,
    encode_note,
    link_digest,
    partings,
)
from sessiond.core.records import Timer
from sessiond.core.session.snapshot import Snapshot
from sessiond.runtime.services import Services

__all__ = ["NotHandedOn", "hand_on", "part", "run_errands", "tell_step"]


class NotHandedOn(SessiondError):
    """The other user's inbox takes nothing now; the input stays where it is and is tried again."""


async def tell_step(services: Services, user: UserId, errand: Errand, cause: str) -> None:
    """Write *user*'s errand to the other one's inbox; once for each *cause*, however often that is tried.

    Raises:
      NotHandedOn: the other one's inbox takes nothing now.

    """
    kind, body = f"{LINK_KIND}{errand.step}", encode_note(errand.note)
    digest = link_digest(f"{errand.step}:{user}", cause)
    await hand_on(services, lambda: services.accept(errand.to, kind, body, digest))


async def hand_on(services: Services, accept: Callable[[], Awaitable[object]]) -> None:
    """Call *accept* of the intake, waiting for a store that is away.

    Raises:
      NotHandedOn: the inbox takes nothing now.

    """
    try:
        await services.read(accept)
    except Refused as error:
        raise NotHandedOn(f"the other user's inbox takes nothing: {error.message}") from error


async def part(services: Services, user: UserId, snapshot: Snapshot) -> None:
    """Tell all who are linked with *user*, as *snapshot* has it, that his record goes.

    Raises:
      NotHandedOn: somebody's inbox takes nothing now.

    """
    for errand in partings(user, snapshot.aliases, snapshot.linked_to):
        await tell_step(services, user, errand, services.entropy.token(8).hex())


async def run_errands(services: Services, user: UserId, timers: Mapping[str, Timer]) -> None:
    """Tell what *user* has asked for and is still among his *timers*, which go with his session.

    Raises:
      NotHandedOn: somebody's inbox takes nothing now.

    """
    for timer in timers.values():
        if timer.name.startswith(LINK_TIMER) and timer.unreadable is None:
            await tell_step(services, user, decode_errand(timer.payload), timer.name)
