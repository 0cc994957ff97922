"""What an app does by itself: messages, templates and flows for a user who has not asked.

All of it is part of the turn whose handler asked for it: it happens once that is durable, or not at all.
"""

from typing import Final

from msgspec.structs import replace

from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.phone import e164
from sessiond.core.conversations.session_keys import (
    PLATFORM_IDENTIFIERS,
    ChannelFacts,
    Identifier,
)
from sessiond.core.errors import AppFailed, InvalidInput, Refused
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.lines import Line, account_of
from sessiond.core.session.outcome import Outcome, SendRequest, StartRequest
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.dialogue import Dialogue
from sessiond.runtime.gateway_output import deliver, deliver_template, line_of, put_line

__all__ = ["Proactive"]

_WEBSOCKET: Final = "websocket"


class Proactive:
    """Carries out what one user's handlers ask of gateways and flows."""

    __slots__ = ("_dialogue", "_services")

    def __init__(self, calls: Calls, dialogue: Dialogue) -> None:
        self._services = calls.services
        self._dialogue = dialogue

    def carry_out(self, turn: Computed, outcome: Outcome) -> None:
        """Make the messages and flows that *outcome* asks for part of the turn.

        Raises:
          AppFailed: there is no such account or flow, it cannot speak first, or nobody knows where the user is.

        """
        for send in outcome.sends:
            self._send(turn, send)
        for start in outcome.starts:
            self._start(turn, start)

    def _send(self, turn: Computed, wanted: SendRequest) -> None:
        account = self._account(wanted.via or self._last_used(turn))
        if account.calls is None:
            raise AppFailed(f"nothing can be sent on {account.name}: it only answers")
        self._reach(turn, account, wanted.to)
        now = self._services.clock.now()
        if wanted.template is not None:
            deliver_template(turn, account, wanted.template, now=now, reference=wanted.reference)
        else:
            output = Output(messages=wanted.messages)
            deliver(turn, account, output, now=now, reference=wanted.reference)

    def _start(self, turn: Computed, wanted: StartRequest) -> None:
        via = wanted.via or self._last_used(turn) or _WEBSOCKET
        user = turn.state.user
        if via == _WEBSOCKET:
            facts, name = ChannelFacts(platform=via, gateway=via, user_id=user), ""
        else:
            account = self._account(via)
            name = account.name
            if account.calls is not None:
                self._reach(turn, account, wanted.to)
            facts = self._facts(turn, account, wanted.to)
        said = Said(
            facts,
            Answer(text=wanted.text),
            flow=wanted.flow,
            account=name,
            unprompted=True,
        )
        try:
            self._dialogue.said(turn, said)
        except Refused as error:
            raise AppFailed(f"the flow cannot begin: {error.message}") from None

    def _reach(self, turn: Computed, account: Account, to: str) -> Line:
        """Find where the user is reached; *to* is where the app says."""
        line = line_of(turn, account.name)
        if to:
            line = replace(line, to=self._address(account, to))
            put_line(turn, account.name, line)
        if not line.to:
            raise AppFailed(f"nobody knows where to reach this user on {account.name}: pass to=…")
        return line

    def _facts(self, turn: Computed, account: Account, to: str) -> ChannelFacts:
        line = line_of(turn, account.name)
        address = self._address(account, to) if to else line.to
        return ChannelFacts(
            platform=account.gateway.platform,
            gateway=account.gateway.name,
            host=line.host,
            path=account.path,
            request_id=self._services.entropy.token(16).hex(),
            msisdn=address if address.startswith("+") else "",
            user_id=turn.state.user,
        )

    def _last_used(self, turn: Computed) -> str:
        """Name the account that the user last wrote on; empty: none."""
        lines = turn.state.snapshot.lines
        heard = {name: line_of(turn, name).heard_at for name in lines}
        known = [name for name in heard if account_of(name) in self._services.accounts]
        return account_of(max(known, key=lambda name: heard[name], default=""))

    def _account(self, name: str) -> Account:
        accounts = self._services.accounts
        if not name:
            raise AppFailed("the user never wrote on an account: say which by via=…, and to=…")
        account = accounts.get(name)
        if account is None:
            known = ", ".join(sorted(accounts)) or "none"
            raise AppFailed(f"there is no account {name!r} (there are: {known})")
        return account

    def _address(self, account: Account, to: str) -> str:
        """Bring a number into E.164 on platforms whose people have numbers; other addresses are the provider's."""
        if PLATFORM_IDENTIFIERS.get(account.gateway.platform) is not Identifier.MSISDN:
            return to
        book = self._services.book
        try:
            return e164(to, None if book is None else book.phone_region)
        except InvalidInput as error:
            raise AppFailed(
                f"to= on {account.name}: {error}; write it with the country's code (+233…),"
                " or set session_keys.phone_region for numbers in local form"
            ) from None
