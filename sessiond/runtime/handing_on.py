"""Handing on: what arrives for an alias is for the user whom he is now; and goes back when that one is gone.

It is written to the other one's inbox before the commit that consumes it, under an id made of its own; what somebody
waits for is told to the other one once the turn is released.

What a provider tells of a message to somebody without a record is for nobody.
"""

from typing import Final

from attrs import evolve
from msgspec.structs import replace

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.inputs import Said
from sessiond.core.errors import Refused
from sessiond.core.gateways.arrivals import Arrived, Heard, StatusUpdate
from sessiond.core.gateways.inbox_bodies import GATEWAY_KIND, decode_arrived, encode_arrived
from sessiond.core.gateways.inputs import Incoming
from sessiond.core.ids import UserId
from sessiond.core.linking import LINK_KIND, Errand, LinkNote, LinkStep, link_digest
from sessiond.core.records import InboxEntry
from sessiond.core.session import inputs
from sessiond.core.session.effects import HandOn, ReplyError
from sessiond.runtime.computed import Computed
from sessiond.runtime.gateway_turns import note_status
from sessiond.runtime.lifecycle import Lifecycle
from sessiond.runtime.link_steps import hand_on, tell_step
from sessiond.runtime.services import Services

__all__ = ["HandingOn"]

_LINKED: Final = "this user is linked to another one: that one has the session"


class HandingOn:
    """Hands on the inputs of one user."""

    __slots__ = ("_lifecycle", "_services")

    def __init__(self, services: Services, lifecycle: Lifecycle) -> None:
        self._services = services
        self._lifecycle = lifecycle

    async def is_for_another(self, turn: Computed, item: inputs.Input) -> bool:
        """Hand *item* on, of a user who is an alias or has no record, when it is for somebody else.

        Raises:
          Refused: FORBIDDEN, a connection of an alias.
          NotHandedOn: the other user's inbox takes nothing now.

        """
        canonical = UserId(turn.state.snapshot.linked_to)
        if canonical:
            return await self._of_alias(turn, item, canonical)
        return await self._of_gone(turn, item)

    async def _of_alias(self, turn: Computed, item: inputs.Input, canonical: UserId) -> bool:
        match item:
            case (
                inputs.Incoming()
                | inputs.Unseen()
                | inputs.Said()
                | inputs.HookCall()
                | inputs.Send()
            ):
                turn.effects = (HandOn(canonical, _renamed(item, canonical)),)
            case inputs.Join() | inputs.ClientMessage():
                raise Refused(ErrorCode.FORBIDDEN, _LINKED)
            case inputs.Accepted(entry=entry) if not _is_own(entry.kind):
                await self._hand_on(turn, entry, canonical)
            case inputs.Stop(erase=False):
                turn.effects = (ReplyError(ErrorCode.FORBIDDEN, _LINKED, None),)
            case _:
                return False
        return True

    async def _hand_on(self, turn: Computed, entry: InboxEntry, canonical: UserId) -> None:
        body = entry.body
        if entry.kind.startswith(GATEWAY_KIND):
            body = encode_arrived(_arrived_for(decode_arrived(body), canonical))
        await self._give(turn, entry, canonical, body)

    async def _give(self, turn: Computed, entry: InboxEntry, to: UserId, body: bytes) -> None:
        """Write *body* to the other one's inbox in the place of *entry*."""
        services, cause = self._services, entry.digest.hex()
        digest = link_digest(f"handed:{turn.state.user}", cause)
        await hand_on(services, lambda: services.accept(to, entry.kind, body, digest))
        turn.inbox_done = (entry.seq,)

    async def _of_gone(self, turn: Computed, item: inputs.Input) -> bool:
        """Hand back what an alias said to somebody whose record is gone; what is told of a message to him is noted.

        It was on its way when the record went, or the record was lost: he does not follow anybody any more.
        """
        match item:
            case inputs.Incoming(heard=Heard(alias=alias)) if alias:
                own = [_returned(one) for one in (item.heard, *item.others)]
                await self._let_go(turn, UserId(alias))
                returned = evolve(item, heard=own[0], others=tuple(own[1:]))
                turn.effects = (HandOn(UserId(alias), returned),)
                return True
            case inputs.Accepted(entry=entry) if entry.kind.startswith(GATEWAY_KIND):
                arrived = decode_arrived(entry.body)
                if isinstance(arrived, StatusUpdate):
                    note_status(
                        turn, self._services, entry.kind.removeprefix(GATEWAY_KIND), arrived
                    )
                    turn.inbox_done = (entry.seq,)
                elif isinstance(arrived, Heard) and arrived.alias:
                    alias = UserId(arrived.alias)
                    await self._let_go(turn, alias)
                    await self._give(turn, entry, alias, encode_arrived(_returned(arrived)))
                else:
                    return False
                self._lifecycle.leave_none(turn)
                return True
            case _:
                return False

    async def _let_go(self, turn: Computed, alias: UserId) -> None:
        note, cause = LinkNote(user=turn.state.user), self._services.entropy.token(8).hex()
        errand = Errand(alias, LinkStep.RELEASE, note)
        await tell_step(self._services, turn.state.user, errand, cause)


def _is_own(kind: str) -> bool:
    """Tell whether an entry is for an alias himself: steps of links are, but not to adopt somebody."""
    return kind.startswith(LINK_KIND) and kind != f"{LINK_KIND}{LinkStep.ADOPT}"


def _renamed(
    item: inputs.Incoming | inputs.Unseen | inputs.Said | inputs.HookCall | inputs.Send,
    user: UserId,
) -> inputs.Input:
    """Make an input of the canonical user's: session keys that are made of who he is agree."""
    match item:
        case Incoming():
            heard, *others = (_heard_of(one, user) for one in (item.heard, *item.others))
            return evolve(item, heard=heard, others=tuple(others))
        case inputs.Unseen(heard=heard):
            return evolve(item, heard=_heard_of(heard, user))
        case Said():
            return evolve(item, facts=replace(item.facts, user_id=user))
        case _:
            return item


def _arrived_for(arrived: Arrived, user: UserId) -> Arrived:
    return _heard_of(arrived, user) if isinstance(arrived, Heard) else arrived


def _returned(heard: Heard) -> Heard:
    """Make what an alias said his own again."""
    return replace(heard, facts=replace(heard.facts, user_id=heard.alias), alias="")


def _heard_of(heard: Heard, user: UserId) -> Heard:
    alias = heard.alias or heard.facts.user_id
    return replace(heard, facts=replace(heard.facts, user_id=user), alias=alias)
