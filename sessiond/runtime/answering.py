"""The turns of answering accounts: what a person typed on a phone, or a program said for somebody.

It is answered with a page. What was shown last is kept in the person's line (gateways/lines.py): pages are turned, and
a request that the provider repeats is answered again, without a flow.
"""

from collections.abc import Sequence

from attrs import evolve
from msgspec.structs import replace

from sessiond.core.conversations.inputs import Said
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.dials import inputs_of, last_request
from sessiond.core.gateways.inputs import Incoming
from sessiond.core.gateways.lines import Answered, decode_answered, encode_answered
from sessiond.core.ids import Digest
from sessiond.core.rendering.paging import turn_page
from sessiond.core.session.effects import Reply
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.dialogue import Dialogue
from sessiond.runtime.gateway_journal import tell_page
from sessiond.runtime.gateway_output import (
    keep_answer,
    line_of,
    named,
    put_line,
    show_page,
    wait_page,
)

__all__ = ["Answering", "said_on"]


class Answering:
    """Computes the turns of one user's answering accounts."""

    __slots__ = ("_calls", "_dialogue", "_services")

    def __init__(self, calls: Calls, dialogue: Dialogue) -> None:
        self._calls = calls
        self._services = calls.services
        self._dialogue = dialogue

    def answer(self, turn: Computed, item: Incoming) -> None:
        """Compute the turn of a person on an answering account.

        Raises:
          Refused: UNKNOWN_EVENT, there is no such account; what the dialogue refuses.

        """
        account, turn.phone = self._services.account(item.account), item.heard.alias
        if account.gateway.limits.pages is None:
            self._answer_program(turn, account, item)
            return
        line = line_of(turn, account.name)
        heard, last, now = item.heard, line.last, self._services.clock.now()
        ended = line.answered is not None and line.answered.ends
        inputs = inputs_of((heard, *item.others), last, now, ended=ended)
        if not inputs and line.answered is not None:
            _reply(turn, line.answered)
            return
        self._dialogue.asks(account.name, heard)
        if not inputs:  # the answer came too late: it waits to be seen
            said = said_on(account, heard, item.waits_seconds)
            self._dialogue.said(turn, evolve(said, answer=Answer(), opens=False, reminds=True))
            return
        if len(inputs) > 1 and self._dialogue.goes_on(turn, said_on(account, inputs[0])):
            # What was dialled along answers no other question than it was meant for.
            inputs = inputs[:1]
        self._say_all(turn, account, inputs, item)
        line = line_of(turn, account.name)
        answered = _repeatable(turn, account)
        last = last_request(heard, last, begins=inputs[0].begins, now=now)
        kept = replace(line, alias=heard.alias, last=last, answered=answered)
        put_line(turn, account.name, kept)

    def _answer_program(self, turn: Computed, account: Account, item: Incoming) -> None:
        """Answer a program, which names its requests; what is too long to be kept with the name is kept here."""
        line = line_of(turn, account.name)
        if item.reminds:
            if line.answered is not None and line.last == named(item.digest):
                _reply(turn, line.answered)
            else:
                said = said_on(account, item.heard, item.waits_seconds)
                self._dialogue.said(turn, evolve(said, answer=Answer(), reminds=True))
            return
        self._dialogue.asks(account.name, item.heard)
        self._say_all(turn, account, (item.heard, *item.others), item)
        line = line_of(turn, account.name)
        answers_none = replace(line, alias=item.heard.alias, last=None, answered=None)
        put_line(turn, account.name, answers_none)
        if item.digest is not None:
            keep_answer(turn, account, item.digest)

    def _say_all(
        self, turn: Computed, account: Account, inputs: Sequence[Heard], item: Incoming
    ) -> None:
        """Say what a request holds, in order, so that what is shown last is the answer.

        What was dialled behind an end, or behind a function that is waited for, is for nobody.
        """
        for heard in inputs:
            turn.effects = tuple(one for one in turn.effects if not isinstance(one, Reply))
            self._say(turn, account, said_on(account, heard, item.waits_seconds, item.digest))
            if heard is inputs[-1]:
                return
            shown = _shown(turn)
            if shown is None or shown.ends:
                return

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


def said_on(
    account: Account, heard: Heard, waits_seconds: float = 0.0, digest: Digest | None = None
) -> Said:
    """Make what was *heard* on *account* an input of conversations."""
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
