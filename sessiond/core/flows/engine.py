"""The engine: drives one flow, sans I/O. A turn is a call; what it shows and asks for is its ``Output``.

::

    live, output = start(flow, opening, host)            # the first turn
    output = live.answer(Answer(text="Ama"))             # a person answered
    live.settle(run_id, result); output = live.proceed() # what c.run called has returned
    live.put_away()                                      # live.record is all that is left
    live, output = restore(flow, record, host, user=…)   # output is None: it waits where it did

Rules.
- ``live.record`` is the record as the last turn that succeeded left it. A turn that raises leaves a dead flow:
  restore it from that record, and nothing of the failed turn has happened.
- Everything a flow is told is recorded in order; a flow that is restored is told the same again, and what it shows
  meanwhile is thrown away (core/flows/replay.py).
- All code of the author runs under ``host.driving``.

Not here: durability, time-outs, the calling of functions (runtime), rendering (gateways).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from attrs import field, frozen
from msgspec.structs import replace

from sessiond.core.flows.answers import Answer, clean_text
from sessiond.core.flows.driver import FlowDriver
from sessiond.core.flows.faults import (
    FlowBusy,
    FlowEnded,
    FlowFailed,
    InvalidAnswer,
    NotStorable,
    RunFailed,
    raised_at,
)
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.flow_session import FlowSession
from sessiond.core.flows.languages import known_tag
from sessiond.core.flows.operations import Operation, Run
from sessiond.core.flows.progress import Turn
from sessiond.core.flows.prompts import End, Message, Output, Prompt, RunRequest
from sessiond.core.flows.questions import Question
from sessiond.core.flows.record import Record
from sessiond.core.flows.replay import NOTHING, RUN_FAILED, failure_value, recorded_value
from sessiond.core.flows.stored import encode_value

__all__ = ["LiveFlow", "Opening", "encode_result", "expired", "restore", "settled", "start"]

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})

_ENCODE: Final = msgspec.json.Encoder().encode
_SHOWN: Final = msgspec.json.Decoder(tuple[tuple[Message, ...], Prompt | None, str])


@frozen(kw_only=True)
class Opening:
    """How a conversation begins. *id* names it, uniquely for the user; *text* is what started it, cut to the limit."""

    id: str
    user: str
    text: str = field(default="", repr=False)
    matched: Mapping[str, str] = field(default=_NOBODY, repr=False)
    """What the named groups of the pattern that started it have matched."""
    platform: str = ""
    gateway: str = ""
    profile: Mapping[str, str] = field(default=_NOBODY, repr=False)
    language: str = ""
    """What the door says the person speaks: a language tag; anything else counts as nothing."""
    session: FlowSession | None = field(default=None, repr=False)
    """What the flow remembers, for this turn; ``None``: nothing, in memory only."""


def start(flow: Flow, opening: Opening, host: Host) -> tuple["LiveFlow", Output]:
    """Begin a conversation and drive it to its first question.

    Raises:
      FlowFailed: the flow failed; there is no conversation.

    """
    record = Record(
        flow=flow.name,
        id=opening.id,
        started_by=clean_text(opening.text[: flow.limits.text_characters]),
        matched=_matched(flow, opening),
        platform=opening.platform,
        gateway=opening.gateway,
        language=_language(opening),
    )
    live = LiveFlow(flow, record, host, user=opening.user, profile=opening.profile)
    output = live.open(opening.session)
    assert output is not None
    return live, output


def _matched(flow: Flow, opening: Opening) -> Mapping[str, str]:
    limit = flow.limits.text_characters
    return {name: clean_text(text[:limit]) for name, text in opening.matched.items()}


def _language(opening: Opening) -> str:
    chosen = "" if opening.session is None else opening.session.language
    return chosen or known_tag(opening.language)


def restore(
    flow: Flow,
    record: Record,
    host: Host,
    *,
    user: str,
    profile: Mapping[str, str] = _NOBODY,
    session: FlowSession | None = None,
) -> tuple["LiveFlow", Output | None]:
    """Rebuild a flow by replay. ``None``: it waits on what the record says.

    An output: it has gone on, because the record waited on nothing, or because its code no longer fits and it asks
    something else now (``Output.restarted``): then the input that woke it is not an answer to that.

    *session* is that of the turn which the flow is restored for; hand the same one to ``answer`` or ``proceed``.

    Raises:
      FlowMismatch: the code no longer fits, and the policy is to fail.
      FlowFailed: the flow failed.

    """
    live = LiveFlow(flow, record, host, user=user, profile=profile)
    return live, live.open(session)


def expired(flow: Flow, record: Record) -> Output:
    """End a conversation because its time is over; its flow is not asked, and need not be alive.

    Raises:
      FlowFailed: ``on_expire`` raised, or returned no text that can be sent.

    """
    text = flow.on_expire
    if callable(text):
        try:
            text = text(record.answers())
        except Exception as error:
            where = raised_at(error.__traceback__, flow.module)
            raise FlowFailed(f"on_expire raised {type(error).__name__}", where=where) from error
        if not isinstance(text, str | None):
            raise FlowFailed(f"on_expire returned a {type(text).__name__}, not a text")
    elif text:
        text = flow.translations.text(record.speaks, text)
    output = Output(messages=(Message(text),) if text else (), end=End.EXPIRED)
    _check_shown(output, None)
    return output


def encode_result(request: RunRequest, value: object) -> bytes:
    """Encode what the function of *request* returned, for ``settle``.

    Raises:
      NotStorable: it cannot be recorded.

    """
    return encode_value(value, f"the result of {request.key!r}", request.as_type)[0]


def settled(record: Record, run_id: str, result: bytes | RunFailed) -> Record | None:
    """Record the result of a run; ``None``: the record does not wait for this one (any more).

    The flow goes on when it is driven next: ``LiveFlow.proceed``, or ``restore``.
    """
    waiting = record.waiting
    if waiting is None or waiting.kind != Run.kind or run_id != record.place:
        return None
    if isinstance(result, RunFailed):
        told = record.told(RUN_FAILED, waiting.key, failure_value(result))
    else:
        told = record.told(Run.kind, waiting.key, result)
    return replace(told, unattended=record.unattended + 1)


class LiveFlow:
    """A flow in memory. Not shared: one call at a time."""

    __slots__ = ("__weakref__", "_driver")

    def __init__(
        self, flow: Flow, record: Record, host: Host, *, user: str, profile: Mapping[str, str]
    ) -> None:
        self._driver = FlowDriver(flow, record, host, user, profile)

    @property
    def record(self) -> Record:
        """What the last turn that succeeded left."""
        return self._driver.record

    @property
    def is_alive(self) -> bool:
        """Whether the flow waits in memory: it has not ended, failed or been put away."""
        return self._driver.is_alive

    @property
    def where(self) -> str:
        """The line (``file:line``) that the flow waits at; of one that has ended, the line where it begins."""
        waiting, code = self._driver.waiting, getattr(self._driver.flow.function, "__code__", None)
        if waiting is not None:
            return waiting.where
        return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"

    def open(self, session: FlowSession | None = None) -> Output | None:
        """Run the flow for the first time in this process; ``start`` and ``restore`` do it."""
        return self._take_turn(session, self._driver.begin)

    def answer(
        self,
        answer: Answer,
        *,
        profile: Mapping[str, str] | None = None,
        session: FlowSession | None = None,
    ) -> Output:
        """Hand the flow what a person said. An answer that is not taken gives the same question again.

        *session* is read and written in this turn; when the turn fails, forget it. ``None``: one in memory.

        Raises:
          FlowBusy: it waits for a function, or is being driven.
          FlowEnded: it has ended or was put away.
          FlowFailed: the flow failed; it is dead and ``record`` is as before.

        """
        question = self._question()
        if profile is not None:
            self._driver.profile = profile
        output = self._take_turn(session, self._answer, question, answer)
        assert output is not None
        return output

    def settle(self, run_id: str, result: bytes | RunFailed) -> bool:
        """Record the result of a run (made by ``encode_result``); the flow goes on with ``proceed``.

        ``False``: the flow does not wait for this one (any more), and nothing has changed.
        """
        told = settled(self.record, run_id, result)
        if told is None:
            return False
        self._driver.tape.record = told
        self._driver.tape.position += 1
        return True

    def proceed(self, *, session: FlowSession | None = None) -> Output:
        """Go on with a result that was settled; *session* is as for ``answer``.

        Raises:
          FlowBusy: there is nothing to go on with, or it is being driven.
          FlowEnded, FlowFailed: as for ``answer``.

        """
        waiting = self._waiting()
        if self.record.waiting is not None:
            raise FlowBusy("there is no result to go on with")
        output = self._take_turn(session, self._proceed, waiting)
        assert output is not None
        return output

    def remind(self) -> Output:
        """Show the question that is waiting once more; nothing changes.

        Raises:
          FlowBusy, FlowEnded: there is none.

        """
        return Output(prompt=self._question().prompt(self.record.place))

    def pending_run(self) -> RunRequest | None:
        """The function that the flow waits for, to be called (again) after a restart; ``None``: it waits for none."""
        waiting = self._driver.waiting
        if not isinstance(waiting, Run) or self.record.waiting is None:
            return None
        return waiting.request(self.record.place)

    def expire(self) -> Output:
        """End the conversation because its time is over; the flow is put away, not told."""
        self.put_away()
        return expired(self._driver.flow, self.record)

    def put_away(self) -> FlowFailed | None:
        """Close the flow's coroutine: its ``finally`` runs, its conversation is dead. ``record`` stays.

        Returns what went wrong meanwhile, and never raises it: there is nobody to tell. Idempotent.
        """
        if not self.is_alive:
            return None
        try:
            with self._driver.host.driving():
                self._driver.close()
        except FlowFailed as error:
            return error
        return None

    def _take_turn(
        self, session: FlowSession | None, work: Callable[..., Output | None], *args: Any
    ) -> Output | None:
        """Do *work* as one transaction."""
        driver = self._driver
        if driver.turn is not None:
            raise FlowBusy("the flow is being driven")
        before = driver.record
        driver.turn = Turn(session)
        try:
            with driver.host.driving():
                output = work(*args)
            if output is not None:
                _check_shown(output, driver.waiting)
            return output
        except BaseException:
            self.put_away()
            driver.tape.record = before
            raise
        finally:
            driver.turn = None

    def _waiting(self) -> Operation[Any]:
        waiting = self._driver.waiting
        if waiting is None or not self.is_alive:
            raise FlowEnded("the flow has ended or was put away")
        return waiting

    def _question(self) -> Question[Any]:
        waiting = self._waiting()
        if not isinstance(waiting, Question):
            raise FlowBusy("the flow waits for a function that it runs")
        return waiting

    def _answer(self, question: Question[Any], answer: Answer) -> Output | None:
        driver, record = self._driver, self.record
        if record.unattended or record.spoken:
            driver.tape.record = record = replace(record, unattended=0, spoken=False)
        try:
            value = self._taken(question, answer)
        except InvalidAnswer as error:
            prompt = question.prompt(
                record.place, error=str(error), repeats=driver.flow.question_after_error
            )
            return Output(prompt=prompt, rejected=True)
        try:
            what = f"the answer to {question.key!r}"
            raw, told = encode_value(value, what, question.as_type)
        except NotStorable as error:
            raise error.at(question.where) from None
        driver.tape.tell(question.kind, question.key, raw)
        return driver.drive(told)

    def _taken(self, question: Question[Any], answer: Answer) -> Any:
        driver = self._driver
        if answer.screen is not None and answer.screen != self.record.place:
            raise InvalidAnswer(driver.texts.stale_choice)
        try:
            return driver.handle(question, answer)
        except (InvalidAnswer, KeyboardInterrupt):
            raise
        except FlowFailed as error:
            raise error.at(raised_at(error.__traceback__, driver.flow.module)) from error.__cause__
        except BaseException as error:
            raise driver.failure(error, f"the handling of {question.key!r}") from error

    def _proceed(self, run: Operation[Any]) -> Output | None:
        reply = recorded_value(self.record.entries[-1], run.as_type)
        if reply is NOTHING:
            raise NotStorable(f"the result of {run.key!r} is not {run.as_type}", where=run.where)
        return self._driver.drive(reply)


def _check_shown(output: Output, waiting: Operation[Any] | None) -> None:
    """Refuse what doors could not send, and stores would not bring back: texts with lone surrogates, other types.

    Found by the door, the whole turn would fail, and a function whose result led here be called again and again.
    *(measured: 1.5 µs for a question with two choices)*

    Raises:
      NotStorable: names no text, only the line that asks.

    """
    run = output.run
    try:
        _SHOWN.decode(_ENCODE((output.messages, output.prompt, "" if run is None else run.key)))
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        kind = type(error).__name__
        where = "" if waiting is None else waiting.where  # looked up only now: it takes 37 µs
        raise NotStorable(f"what the flow shows cannot be sent ({kind})", where=where) from None
