"""What handlers and flows ask for of links: errands to other users.

An errand waits in a timer that is due at once, and is written to the other user's inbox by that timer's turn: nothing
leaves a turn that does not happen, and nothing that happened is lost.
"""

from collections.abc import Callable

from attrs import evolve
from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.errors import AppFailed, InvalidInput
from sessiond.core.ids import UserId, parse_user_id
from sessiond.core.linking import (
    CODE_SECONDS,
    LINK_TIMER,
    Errand,
    LinkNote,
    LinkRequest,
    LinkStep,
    decode_errand,
    encode_errand,
)
from sessiond.core.records import Timer
from sessiond.core.session import machine
from sessiond.core.session.outcome import Outcome, TimerRequest
from sessiond.core.session.timers import with_timers
from sessiond.runtime.computed import Computed
from sessiond.runtime.link_steps import tell_step
from sessiond.runtime.services import Services

__all__ = ["LinkErrands"]


class LinkErrands:
    """The errands of one user."""

    __slots__ = ("_services",)

    def __init__(self, services: Services) -> None:
        self._services = services

    def carry_out(self, turn: Computed, outcome: Outcome) -> None:
        """Make the errands that *outcome* asks for part of the turn.

        Raises:
          AppFailed: codes cannot be hashed, the user to unlink is no alias, or the session ends with this turn.

        """
        if outcome.links and outcome.end is not None:
            raise AppFailed("a session that ends cannot be linked: link first, end later")
        for request in outcome.links:
            if request.step is LinkStep.RELEASE and not request.about:
                everybody = tuple(evolve(request, about=one) for one in turn.state.snapshot.aliases)
            else:
                everybody = (request,)
            for one in everybody:
                self._ask(turn, one)

    def _ask(self, turn: Computed, request: LinkRequest) -> None:
        """Set the timer of what *request* asks for."""
        now = self._services.clock.now()
        name = f"{LINK_TIMER}{self._services.entropy.token(8).hex()}"
        timer = TimerRequest(name, now, encode_errand(self._errand(turn, request, now)))
        turn.state = replace(turn.state, timers=with_timers(turn.state.timers, (timer,), now))

    def _errand(self, turn: Computed, request: LinkRequest, now: float) -> Errand:
        user, snapshot = turn.state.user, turn.state.snapshot
        match request.step:
            case LinkStep.OFFER:
                note = LinkNote(user=user, expires_at=now + CODE_SECONDS)
                return Errand(self._code(request.about), LinkStep.OFFER, note)
            case LinkStep.CLAIM:
                note = LinkNote(user=user, about=self._code(request.about))
                return Errand(self._hashed(lambda book: book.tries_user(user)), LinkStep.TRY, note)
            case LinkStep.ADOPT:
                note = LinkNote(user=_user(request.about))
                return Errand(user, LinkStep.ADOPT, note)
            case _:
                if request.about not in snapshot.aliases:
                    raise AppFailed("the user to unlink is no alias of this one")
                return Errand(UserId(request.about), LinkStep.RELEASE, LinkNote(user=user))

    def _code(self, code: str) -> UserId:
        return self._hashed(lambda book: book.code_user(code))

    def _hashed(self, name: Callable[[FlowBook], UserId]) -> UserId:
        """Have the app's book *name* a user."""
        book = self._services.book
        if book is None:
            raise AppFailed("codes need an app with flows: their key is that of session keys")
        try:
            return name(book)
        except InvalidInput as error:
            raise AppFailed(f"codes cannot be hashed: {error}") from None

    async def fired(self, turn: Computed, timer: Timer) -> None:
        """Compute the turn of an errand's timer: the other user has it before this commit."""
        errand = decode_errand(timer.payload)
        await tell_step(self._services, turn.state.user, errand, timer.name)
        turn.state = machine.fire(turn.state, timer)


def _user(text: str) -> UserId:
    try:
        return parse_user_id(text)
    except InvalidInput as error:
        raise AppFailed(f"the user to link: {error}") from None
