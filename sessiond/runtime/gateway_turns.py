"""The turns of gateways: what a person sent on an account, what became of our messages, what apps send by themselves.

An answering account's input is answered with a page. What it showed last is kept in the person's line (gateways/
lines.py): pages are turned, and a request that the provider repeats is answered again, without a flow.
"""

import logging
from collections.abc import Sequence
from typing import Final

from attrs import evolve
from msgspec.structs import replace

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.errors import AppFailed, Refused, SnapshotError
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.accounts import Account, FallbackTemplate
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice, StatusUpdate
from sessiond.core.gateways.dials import inputs_of, last_request
from sessiond.core.gateways.inputs import DeliverySettled, Incoming
from sessiond.core.gateways.lines import Answered, decode_answered, encode_answered
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
from sessiond.core.ids import Digest
from sessiond.core.records import DeadLetter
from sessiond.core.rendering.paging import turn_page
from sessiond.core.session.effects import Reply, StopAccount
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import Call, CallKind
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.dialogue import Dialogue
from sessiond.runtime.gateway_journal import tell, tell_page, tell_upload
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
    show_page,
    wait_page,
)

__all__ = ["GatewayTurns"]

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

    __slots__ = ("_calls", "_dialogue", "_services")

    def __init__(self, calls: Calls, dialogue: Dialogue) -> None:
        self._calls = calls
        self._services = calls.services
        self._dialogue = dialogue

    # What a person sent

    def answer(self, turn: Computed, item: Incoming) -> None:
        """Compute the turn of a person on an answering account.

        Raises:
          Refused: UNKNOWN_EVENT, there is no such account; what the dialogue refuses.

        """
        account = self._account(item.account)
        line = line_of(turn, account.name)
        heard, last, now = item.heard, line.last, self._services.clock.now()
        ended = line.answered is not None and line.answered.ends
        inputs = inputs_of((heard, *item.others), last, now, ended=ended)
        if not inputs:
            _reply(turn, line.answered or Answered())
            return
        if len(inputs) > 1 and self._dialogue.goes_on(turn, _said(account, inputs[0])):
            # What was dialled along answers no other question than it was meant for.
            inputs = inputs[:1]
        self._say_all(turn, account, inputs, item)
        line = line_of(turn, account.name)
        if account.gateway.limits.pages is None:  # a program names its requests
            put_line(turn, account.name, replace(line, alias=heard.alias))
            return
        answered = _repeatable(turn, account)
        last = last_request(heard, last, begins=inputs[0].begins, now=now)
        kept = replace(line, alias=heard.alias, last=last, answered=answered)
        put_line(turn, account.name, kept)

    def _say_all(
        self, turn: Computed, account: Account, inputs: Sequence[Heard], item: Incoming
    ) -> None:
        """Say what a request holds, in order, so that what is shown last is the answer.

        What was dialled behind an end, or behind a function that is waited for, is for nobody.
        """
        for heard in inputs:
            turn.effects = tuple(one for one in turn.effects if not isinstance(one, Reply))
            self._say(turn, account, _said(account, heard, item.waits_seconds, item.digest))
            if heard is inputs[-1]:
                return
            shown = _shown(turn)
            if shown is None or shown.ends:
                return

    async def take(self, turn: Computed, name: str, arrived: Arrived) -> None:
        """Compute the turn of what came in by a calling account: a message is said, all else is recorded and told."""
        account = self._account(name)
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
        self._dialogue.said(turn, _said(account, heard), is_answered=False)

    def _say(self, turn: Computed, account: Account, said: Said) -> None:
        """Say one input, or turn the page that is shown."""
        line = line_of(turn, account.name)
        screen = "" if line.answered is None else line.answered.screen
        if screen and not said.opens and screen != (waits := self._dialogue.screen(turn, said)):
            # It was answered elsewhere: what is typed now was meant for it. He is shown what waits, or begins anew.
            said = evolve(said, answer=Answer(), reminds=waits is not None, opens=waits is None)
            line = replace(line, paging=None)
            put_line(turn, account.name, line)
        if line.paging is not None:
            page = None if said.opens else turn_page(line.paging, said.answer.text)
            if page is not None:
                tell_page(turn, self._services, account, page, line.paging)
                answered = show_page(turn, account, page, screen)
                _reply(turn, answered)
                if said.digest is not None:
                    self._calls.consume(turn, said.digest, encode_answered(answered))
                return
            put_line(turn, account.name, replace(line, paging=None))
        self._dialogue.said(turn, said)

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
        send_again(turn, self._account(message.account), message, at=self._services.clock.now())

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
        gateway = account.calls
        judgement: Judgement | None = None if gateway is None else gateway.judge_status(told)
        if isinstance(judgement, WindowClosed) and told.at is not None:
            close_window(turn, account, told.at)
        if isinstance(judgement, AccountStopped):
            turn.effects = (*turn.effects, StopAccount(account.name, judgement.reason))
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

    def _account(self, name: str) -> Account:
        account = self._services.accounts.get(name)
        if account is None:
            raise Refused(ErrorCode.UNKNOWN_EVENT, f"there is no account {name!r}")
        return account


def _said(
    account: Account, heard: Heard, waits_seconds: float = 0.0, digest: Digest | None = None
) -> Said:
    return Said(
        facts=heard.facts,
        answer=_kept_by(account, heard.answer),
        digest=digest,
        waits_seconds=waits_seconds,
        language=heard.language,
        profile=heard.profile,
        opens=heard.begins and account.answers is not None,
        account=account.name,
        resume_seconds=account.settings.resume_seconds,
    )


def _kept_by(account: Account, answer: Answer) -> Answer:
    """Say in the attachment which account has it."""
    attachment = answer.attachment
    if attachment is None:
        return answer
    return replace(answer, attachment=replace(attachment, account=account.name))


def _reply(turn: Computed, answered: Answered) -> None:
    turn.effects = (*turn.effects, Reply(encode_answered(answered)))


def _shown(turn: Computed) -> Answered | None:
    """Find what whoever waits is answered; ``None``: it comes later, from a function."""
    replies = [effect.payload for effect in turn.effects if isinstance(effect, Reply)]
    return decode_answered(replies[-1]) if replies else None


def _repeatable(turn: Computed, account: Account) -> Answered:
    """Find what to answer a repeat of this request with: what is shown, or that it takes longer."""
    answered = _shown(turn) or decode_answered(wait_page(account))
    return Answered(text=answered.text, ends=answered.ends, screen=answered.screen)
