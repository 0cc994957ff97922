"""The turns of gateways: what a person sent on an account, what became of our messages, what apps send by themselves.

Of accounts that are answered (USSD, programs): answering.py.
"""

import logging
from typing import Final

from msgspec.structs import replace

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.errors import AppFailed, Refused, SnapshotError
from sessiond.core.gateways.accounts import Account, FallbackTemplate
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice, StatusUpdate
from sessiond.core.gateways.inputs import DeliverySettled
from sessiond.core.gateways.outgoing import Outgoing, decode_outgoing, encode_outgoing
from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    Sent,
    Template,
    WindowClosed,
)
from sessiond.core.gateways.updates import DeliveryState, DeliveryUpdate
from sessiond.core.records import DeadLetter
from sessiond.core.session.effects import Reply, StopAccount
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import Call, CallKind
from sessiond.runtime.answering import Answering, said_on
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.dialogue import Dialogue
from sessiond.runtime.gateway_journal import tell, tell_upload
from sessiond.runtime.gateway_output import (
    close_window,
    closing_time,
    deliver_held,
    deliver_receipt,
    deliver_template,
    hold,
    line_of,
    of_alias,
    put_line,
    send_again,
)
from sessiond.runtime.services import Services

__all__ = ["GatewayTurns", "note_status"]

_NO_REPLY: Final = b"{}"
_STATES: Final = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}

_log: Final = logging.getLogger("sessiond.gateways")


class GatewayTurns:
    """Computes the turns of one user's accounts."""

    __slots__ = ("_calls", "_dialogue", "_services", "answering")

    def __init__(self, calls: Calls, dialogue: Dialogue) -> None:
        self._calls = calls
        self._services = calls.services
        self._dialogue = dialogue
        self.answering = Answering(calls, dialogue)

    # What came in

    async def take(self, turn: Computed, name: str, arrived: Arrived) -> None:
        """Compute the turn of what came in by a calling account: a message is said, all else is recorded and told."""
        account = self._services.account(name)
        if turn.refusals and not isinstance(arrived, Heard):  # nothing less comes of it
            raise Refused(
                ErrorCode.TOO_LARGE, f"the session would be too large ({turn.refusals[-1]})"
            )
        match arrived:
            case Heard():
                self._hear(turn, account, arrived)
            case StatusUpdate():
                update = self._update(turn, account, arrived)
                self._tell(turn, update, code=arrived.error_code)
                await self._call_back(turn, update)
            case Notice():
                facts = {"account": name, "kind": arrived.kind}
                tell(turn, self._services, JournalEvent.NOTICE, facts)

    def _hear(self, turn: Computed, account: Account, heard: Heard) -> None:
        now = self._services.clock.now()
        line, to = line_of(turn, account.name), heard.sender or heard.facts.msisdn
        # The provider's window is open from when he sent it, which may be days ago after an outage.
        heard_at = max(line.heard_at, min(now, now if heard.sent_at is None else heard.sent_at))
        host, alias = heard.facts.host, heard.alias
        line = replace(line, to=to, alias=alias, host=host, heard_at=heard_at)
        put_line(turn, account.name, line)
        deliver_held(turn, account, now)
        deliver_receipt(turn, account, heard, now)
        self._dialogue.said(turn, said_on(account, heard), is_answered=False)

    # What became of our messages

    async def settled(self, turn: Computed, item: DeliverySettled, *, hooks: bool) -> None:
        """Compute the turn of a delivery that the provider has, or never will have."""
        turn.effects = (Reply(_NO_REPLY),)
        if turn.state.phase is Phase.NEW:
            return  # erased meanwhile, and its deliveries with it
        turn.deliveries_done = (item.delivery,)
        try:
            outgoing = decode_outgoing(item.body)
        except SnapshotError as error:
            self._bury(turn, "delivery:?", item, str(error))
            return
        if outgoing.is_receipt:
            return
        if isinstance(item.judgement, WindowClosed) and self._waits_on(turn, outgoing):
            return
        tell_upload(turn, self._services, outgoing, item.upload)
        update = self._settle(turn, item, outgoing)
        self._tell(turn, update, conversation=outgoing.conversation, flow=outgoing.flow)
        if hooks:
            await self._call_back(turn, update)

    def _settle(self, turn: Computed, item: DeliverySettled, outgoing: Outgoing) -> DeliveryUpdate:
        """Carry out what a judgement means, and say what is told of it."""
        judgement, name = item.judgement, outgoing.account
        if isinstance(judgement, Sent):
            return DeliveryUpdate(
                account=name,
                state=DeliveryState.SENT,
                message_id=judgement.id,
                reference=outgoing.reference,
            )
        account = self._services.accounts.get(name)
        state = DeliveryState.HELD
        if (
            isinstance(judgement, GivenUp)
            or turn.state.snapshot.linked_to  # nobody writes to this user any more
            or account is None
            or not self._holds(turn, account, outgoing)
        ):
            state = DeliveryState.FAILED
            self._bury(turn, f"delivery:{name}", item, judgement.reason)
        return DeliveryUpdate(
            account=name, state=state, reference=outgoing.reference, reason=judgement.reason
        )

    def again(self, turn: Computed, body: bytes) -> None:
        """Send a message again that was given up: an operator asked for it.

        Raises:
          SnapshotCorrupt: it is no message.
          Refused: UNKNOWN_EVENT, there is no such account (any more).

        """
        message = decode_outgoing(body)
        send_again(
            turn, self._services.account(message.account), message, at=self._services.clock.now()
        )

    def _waits_on(self, turn: Computed, message: Outgoing) -> bool:
        """Let a message wait on whose window closed before it could be sent, where the person has opened another."""
        account, now = self._services.accounts.get(message.account), self._services.clock.now()
        opened_to = None if account is None else closing_time(turn, account)
        if account is None or opened_to is None or message.closes_at is None:
            return False
        if not message.closes_at <= now < opened_to:
            return False
        send_again(turn, account, message, at=message.at)
        return True

    def _holds(self, turn: Computed, account: Account, outgoing: Outgoing) -> bool:
        """Keep the message until the person writes, and ask him to by a template; ``False``: there is none."""
        fallback = account.settings.fallback_template
        if fallback is None or outgoing.is_template or account.calls is None:
            return False
        if outgoing.alias and outgoing.alias not in turn.state.snapshot.aliases:
            return False  # nobody writes to him for this user any more
        is_asked, _ = of_alias(line_of(turn, account.name), outgoing.alias)
        if not (is_asked or self._asks(turn, account, fallback)):
            return False
        for body in hold(turn, account.name, encode_outgoing(outgoing)):
            letter = DeliverySettled("", body, GivenUp("too many messages wait for the person"))
            self._bury(turn, f"delivery:{account.name}", letter, "too many wait")
        return True

    def _asks(self, turn: Computed, account: Account, fallback: FallbackTemplate) -> bool:
        """Ask the person to write; ``False``: the settings name a template that cannot be sent."""
        template = Template(
            name=fallback.name, language=fallback.language, parameters=fallback.parameters
        )
        try:
            deliver_template(turn, account, template, now=self._services.clock.now())
        except AppFailed as error:
            _log.error("the fallback template %s", error)
            return False
        return True

    def _update(self, turn: Computed, account: Account, told: StatusUpdate) -> DeliveryUpdate:
        judgement = _judge(turn, account, told)
        if isinstance(judgement, WindowClosed) and told.at is not None:
            close_window(turn, account, told.at)
        failed = judgement is not None and not isinstance(judgement, Sent)
        reason = getattr(judgement, "reason", "") if failed else ""
        return DeliveryUpdate(
            account=account.name,
            state=DeliveryState.FAILED if failed else _STATES[told.state],
            message_id=told.id,
            reference=told.reference,
            reason=reason,
        )

    def _tell(
        self,
        turn: Computed,
        update: DeliveryUpdate,
        *,
        conversation: str = "",
        flow: str = "",
        code: int | str | None = None,
    ) -> None:
        failed = update.state is DeliveryState.FAILED
        facts = {
            "account": update.account,
            "state": update.state.value,
            "id": update.message_id,
            "reference": update.reference,
            "code": code,
        }
        event = JournalEvent.DELIVERY_FAILED if failed else JournalEvent.MESSAGE_STATUS
        tell(
            turn,
            self._services,
            event,
            facts,
            failed=failed,
            error=update.reason,
            conversation=conversation,
            flow=flow,
        )
        about = {"user": turn.state.user, "account": update.account, "state": update.state.value}
        turn.signals.append(("message.status", {}, about))

    async def _call_back(self, turn: Computed, update: DeliveryUpdate) -> None:
        if not self._services.program.handles(CallKind.DELIVERY, ""):
            return
        outcome = await self._calls.handle(Call(CallKind.DELIVERY, "", update), turn)
        self._calls.apply(turn, replace(outcome, reply=None))

    def _bury(self, turn: Computed, kind: str, item: DeliverySettled, reason: str) -> None:
        now = self._services.clock.now()
        letter = DeadLetter(
            id=f"{int(now * 1_000_000):016x}-{self._services.entropy.token(4).hex()}",
            user=turn.state.user,
            kind=kind,
            body=item.body,
            error=reason,
            at=now,
            attempts=item.attempts,
        )
        turn.dead_letters = (*turn.dead_letters, letter)
        about = {"user": turn.state.user, "kind": "delivery", "error": "GivenUp"}
        turn.signals.append(("dead_letter.added", {"attempts": item.attempts}, about))


def note_status(turn: Computed, services: Services, name: str, told: StatusUpdate) -> None:
    """Note what the account *name* tells of a message to somebody without a session; it begins none.

    Of the account itself it may tell something all the same.

    Raises:
      Refused: UNKNOWN_EVENT, there is no such account (any more).

    """
    _judge(turn, services.account(name), told)
    turn.signals.append(("gateway.noted", {}, {"account": name, "kind": "status"}))


def _judge(turn: Computed, account: Account, told: StatusUpdate) -> Judgement | None:
    judgement = None if account.calls is None else account.calls.judge_status(told)
    if isinstance(judgement, AccountStopped):
        turn.effects = (*turn.effects, StopAccount(account.name, judgement.reason))
    return judgement
