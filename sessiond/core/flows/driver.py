"""The driver: one flow's coroutine, and what its operations do to the record.

It sends a value in, takes the next operation out, and answers it: from the record while that lasts, by itself
(``say``, ``go_back``, times and ids), or not at all: then the flow waits, and the turn is over.

Everything here runs while the engine holds ``host.driving``.
"""

from collections.abc import Mapping
from types import CoroutineType
from typing import Any, Final

from msgspec.structs import replace

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowEvicted, FlowFailed, FlowLoops, FlowMismatch, raised_at
from sessiond.core.flows.flow import Flow, Host, OnMismatch
from sessiond.core.flows.foreign import foreign_await, foreign_yield
from sessiond.core.flows.operations import EndFlow, GoBack, Operation, Restart, Run, Say
from sessiond.core.flows.progress import Progress, Turn
from sessiond.core.flows.prompts import End, Message, Output
from sessiond.core.flows.questions import Question
from sessiond.core.flows.record import Record
from sessiond.core.flows.replay import NOTHING, Failure, Mismatched, Tape
from sessiond.core.flows.stored import encode_value

__all__ = ["FlowDriver"]

#: A flow that awaits while it is closed is told again; after this many times it is left to itself.
_CLOSE_ATTEMPTS: Final = 10
_ARRIVED: Final = object()


class FlowDriver(Progress):
    """Drives one run of *flow* over *record*."""

    __slots__ = ("_conversation", "_coroutine", "waiting")

    def __init__(
        self, flow: Flow, record: Record, host: Host, user: str, profile: Mapping[str, str]
    ) -> None:
        super().__init__(flow, record, host, user, profile)
        self.waiting: Operation[Any] | None = None
        """What the flow waits on, in memory."""
        self._coroutine: CoroutineType[Any, Any, object] | None = None
        self._conversation: Conversation | None = None

    @property
    def is_alive(self) -> bool:
        """Whether there is a coroutine that can go on."""
        return self._coroutine is not None

    # Driving

    def begin(self) -> Output | None:
        """Run the flow from its first line; see ``drive``."""
        self._begin()
        return self.drive(None)

    def drive(self, reply: object) -> Output | None:
        """Send *reply* and go on until the flow waits or has ended; ``None``: it has arrived where its record waits.

        Raises:
          FlowFailed: it raised, or did what no flow may do.

        """
        while True:
            try:
                operation = self._send(reply)
                reply = self._perform(operation)
            except Mismatched as mismatch:
                self._start_over(mismatch)
                reply = None
            except StopIteration as stop:
                return self._returned(stop.value)
            if type(reply) is Output:
                return reply
            if reply is _ARRIVED:
                return None

    def close(self) -> None:
        """End the coroutine for good: its ``finally`` runs and its conversation is dead.

        Raises:
          FlowFailed: the flow's code raised, or went on waiting.

        """
        coroutine, conversation = self._coroutine, self._conversation
        self._coroutine = self._conversation = self.waiting = None
        if coroutine is None or conversation is None:
            return
        conversation.die()
        problem: BaseException | None = None
        attempts, awaits = _CLOSE_ATTEMPTS, False
        while coroutine.cr_frame is not None and attempts:
            attempts -= 1
            try:
                # Not ``close``: an async generator that the flow waits in hears nothing of that (CPython 3.11).
                coroutine.throw(FlowEvicted)
            except KeyboardInterrupt:
                raise
            except (FlowEvicted, Mismatched, StopIteration):
                pass
            except BaseException as error:  # noqa: BLE001 -- whatever a finally raises is the flow's fault
                problem = error
            else:
                awaits = True
        try:
            if awaits:
                raise FlowFailed(
                    f"flow {self.flow.name!r} awaits in a finally or except while it is put away"
                )
            if problem is not None:
                raise self.failure(problem, "the flow, while it was put away,") from problem
        finally:
            problem = None  # its traceback has this frame: nothing of a flow may be left in a cycle

    def failure(self, error: BaseException, who: str) -> FlowFailed:
        """Make the error to report when the flow's code raised *error*."""
        module = self.flow.module
        foreign = foreign_await(error, module)
        if foreign is not None:
            return foreign
        where = raised_at(error.__traceback__, module)
        return FlowFailed(f"{who} raised {type(error).__name__}", where=where)

    def handle(self, question: Question[Any], answer: Answer) -> Any:
        """Let the author's functions make a value of *answer*; see ``Question.take``."""
        turn = self._now()
        turn.handling = True
        try:
            value = question.take(answer, self.flow.rules_in(self.language))
        finally:
            turn.handling = False
        self._check_trouble()
        return value

    def _begin(self) -> None:
        conversation = Conversation(self)
        self.language = self.record.language or self.flow.translations.default
        try:
            coroutine: object = self.flow.function(conversation)
        except Exception as error:
            raise self.failure(error, "the flow") from error
        if not isinstance(coroutine, CoroutineType):
            raise FlowFailed(f"flow {self.flow.name!r} is not an async function")
        self._conversation, self._coroutine = conversation, coroutine

    def _send(self, reply: object) -> Operation[Any]:
        """Let the flow's code run to its next operation.

        Raises:
          StopIteration: it has returned.

        """
        coroutine, conversation = self._coroutine, self._conversation
        assert coroutine is not None and conversation is not None  # noqa: PT018
        try:
            yielded = (
                coroutine.throw(reply.error)
                if isinstance(reply, Failure)
                else coroutine.send(reply)
            )
        except StopIteration:
            conversation.handed_over(None)
            self._check_trouble()
            raise
        except FlowFailed as error:
            raise error.at(raised_at(error.__traceback__, self.flow.module)) from error.__cause__
        except (Mismatched, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._check_trouble()
            raise self.failure(error, "the flow") from error
        self._check_trouble()
        operation = conversation.handed_over(yielded)
        if operation is None:
            raise foreign_yield(coroutine, self.flow.module)
        return operation

    # What operations do

    def _perform(self, operation: Operation[Any]) -> Any:
        """Answer one operation, or end the turn with its output."""
        if operation.is_named:
            return self._named(operation)
        self._count_step(operation)
        match operation:
            case Say(text=text, media=media):
                self._now().messages.append(Message(text, media))
                return None
            case GoBack(to=to):
                return self._go_back(to)
            case Restart():
                self._leave_replay()
                self._rewind(self.record.anew())
                return None
            case _:
                assert isinstance(operation, EndFlow)
                return self._ended(End.ENDED, None)

    def _named(self, operation: Operation[Any]) -> Any:
        tape, turn = self.tape, self._now()
        self._returning = self._returning and not tape.is_at_end
        told_before = self._restoring or not tape.is_at_end
        value = tape.next(operation.kind, operation.key, operation.as_type)
        if value is not NOTHING:
            turn.steps = 0
            if told_before:
                turn.messages.clear()
            return value
        if self._restoring and tape.waits_for(operation.kind, operation.key):
            self._restoring = False
            self.waiting = operation
            return _ARRIVED
        self._count_step(operation)
        return self._wait(operation, turn)

    def _wait(self, operation: Operation[Any], turn: Turn) -> Output:
        """End the turn: the flow waits for a person or for a function."""
        if self._restoring:
            turn.restarted, self._restoring = True, False
            turn.carried.append(Message(self.texts.continued))
        self.waiting = operation
        messages = (*turn.carried, *turn.messages)
        self.tape.wait(operation.kind, operation.key)
        record = self.record
        if isinstance(operation, Question):
            prompt = operation.prompt(record.place)
            return Output(messages=messages, prompt=prompt, restarted=turn.restarted)
        assert isinstance(operation, Run)
        limit = self.flow.limits.turns_without_person
        if record.unattended >= limit:
            raise FlowLoops(f"{limit} turns without a person", where=operation.where)
        if messages and not record.spoken:
            self.tape.record = replace(record, spoken=True)
        request = operation.request(record.place)
        return Output(messages=messages, run=request, restarted=turn.restarted)

    def _go_back(self, to: str | None) -> bool | None:
        place = self.tape.question(to)
        if place is None:
            return False
        self._leave_replay()
        self._returning = True
        self._rewind(self.record.back_to(place))
        return None

    def _returned(self, result: object) -> Output:
        encoded = None
        if result is not None:
            encoded = encode_value(result, f"what flow {self.flow.name!r} returned")[0]
        return self._ended(End.RETURNED, encoded)

    def _ended(self, end: End, result: bytes | None) -> Output:
        try:
            self._leave_replay()
        except Mismatched as mismatch:
            return self._begun_anew(mismatch)
        turn = self._now()
        messages = (*turn.carried, *turn.messages)
        if not messages and not self.record.spoken:
            messages = (Message(self.texts.unexpected_end),)
        self.close()
        return Output(messages=messages, end=end, result=result, restarted=turn.restarted)

    # Detours

    def _leave_replay(self) -> None:
        """What comes now was not so when the record was made, unless the record is at its end."""
        if self._restoring or not self.tape.is_at_end:
            self.tape.diverge(f"the flow ends or turns back after {self.tape.position} entries")
            self._restoring = False
            self._now().restarted = True

    def _rewind(self, record: Record) -> None:
        """Go back to *record* and run the flow from its first line."""
        turn = self._now()
        turn.carried += turn.messages
        turn.messages.clear()
        self.close()
        self.tape = Tape(record, keeps=self.tape.keeps)
        self._trouble = None  # it was of the run that ends here
        self._begin()

    def _start_over(self, mismatch: Mismatched) -> None:
        """Apply the policy to a record that does not fit."""
        if self.flow.on_mismatch is OnMismatch.FAIL:
            raise FlowMismatch(f"flow {self.flow.name!r} no longer fits the record: {mismatch}")
        self._count_step()
        turn = self._now()
        turn.messages.clear()
        turn.restarted, self._restoring, self._returning = True, False, False
        anew = self.record.anew()
        texts = self.flow.texts_in(anew.language)
        turn.carried[:] = [Message(texts.restarted)]
        self._rewind(anew)

    def _begun_anew(self, mismatch: Mismatched) -> Output:
        self._start_over(mismatch)
        output = self.drive(None)
        assert output is not None
        return output
