"""Progress: where one run of a flow is in its record, and what the flow is told and writes there without awaiting.

A flow runs from its first line whenever it is rebuilt, and whenever it goes back. Until it is where it has been, it is
told what it was told then, and what it writes was written then (``is_new``). That place is

- the operation that the record waits on, when it is rebuilt from a record that waits;
- the end of the record, when it goes on with the result of a run;
- the next question, when it went back to that one: everything before it has happened.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.faults import FlowFailed, FlowLoops, raised_at
from sessiond.core.flows.flow import Flow, Host, OnMismatch
from sessiond.core.flows.flow_session import FlowSession
from sessiond.core.flows.languages import language_tag
from sessiond.core.flows.operations import Operation
from sessiond.core.flows.prompts import Message
from sessiond.core.flows.record import LANGUAGE, Record
from sessiond.core.flows.replay import Mismatched, Tape, unrecorded
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.linking import LinkRequest

__all__ = ["Progress", "Turn"]

#: A person offers a code, or types one.
_MAX_LINKS: Final = 4


class Turn:
    """What is shown in one turn, how many steps it took, and the session that it reads and writes."""

    __slots__ = ("carried", "handling", "messages", "restarted", "session", "steps")

    def __init__(self, session: FlowSession | None = None) -> None:
        self.session = session
        self.handling = False
        """Whether the author's ``parse``, ``check`` or ``transform`` runs: never on replay, so nothing is recorded."""
        self.messages: list[Message] = []
        self.carried: list[Message] = []
        """Said before a detour, and not to be lost in the replay after it."""
        self.steps = 0
        self.restarted = False


class Progress:
    """One run of *flow* over *record*: what a conversation asks without awaiting; see ``Driver`` (facts.py)."""

    __slots__ = (
        "_restoring",
        "_returning",
        "_session",
        "_trouble",
        "flow",
        "host",
        "language",
        "profile",
        "tape",
        "turn",
        "user",
    )

    def __init__(
        self, flow: Flow, record: Record, host: Host, user: str, profile: Mapping[str, str]
    ) -> None:
        self.flow = flow
        self.host = host
        self.user = user
        self.profile = profile
        self.tape = Tape(record, keeps=flow.on_mismatch is OnMismatch.CONTINUE)
        self.turn: Turn | None = None
        """The turn that is under way."""
        self.language = record.language or flow.translations.default
        """The tag of the language that is spoken."""
        self._restoring = record.waiting is not None
        """Whether the flow is on its way to what the record waits on."""
        self._returning = False
        """Whether the flow is on its way back to a question that it was at before (``go_back``)."""
        self._session: FlowSession | None = None
        """Used when the caller keeps none; it lives as long as this flow does."""
        self._trouble: BaseException | None = None

    @property
    def record(self) -> Record:
        """The record as it is now; see ``Driver``."""
        return self.tape.record

    @property
    def texts(self) -> FlowTexts:
        """The flow's sentences; see ``Driver``."""
        return self.flow.texts_in(self.language)

    @property
    def session(self) -> FlowSession:
        """The session of this turn; see ``Driver``."""
        session = self._under_way().session or self._session
        if session is None:
            now, platform = self.host.clock.now(), self.record.platform
            session = self._session = FlowSession(None, now=now, platform=platform)
        return session

    @property
    def is_new(self) -> bool:
        """Whether the flow is where it has never been; see ``Driver``."""
        if self._under_way().handling:
            return True
        return self.tape.is_at_end and not self._restoring and not self._returning

    def fact(
        self,
        kind: str,
        make: Callable[[], object] | None = None,
        *,
        key: str = "",
        as_type: Any = None,
    ) -> Any:
        """Give the recorded fact that is next, or make one; see ``Driver``."""
        make = make or (lambda: self._make(kind))
        if self._under_way().handling:
            return unrecorded(make(), as_type)
        try:
            if self.tape.is_at_end:
                self._returning = False
                self._count_step()
            return self.tape.fact(kind, make, key, as_type)
        except (Mismatched, FlowLoops) as error:
            self._trouble = error  # the flow's own code may swallow it
            raise

    def speak(self, language: str) -> None:
        """Change the language; see ``Driver``."""
        is_new, tag = self.is_new, language_tag(language)
        if self._now().handling:
            raise self.troubled(
                FlowFailed("use_language belongs into the flow, not into parse, check or transform")
            )
        self.language = self.fact(LANGUAGE, lambda: tag)
        if is_new:
            self.session.use_language(self.language)

    def text(self, msgid: str) -> str:
        """Give a sentence in the language."""
        return self.flow.translations.text(self.language, msgid)

    def plural(self, one: str, many: str, count: int) -> str:
        """Give the form of a sentence that *count* takes."""
        return self.flow.translations.plural(self.language, one, many, count)

    def digits(self, count: int) -> str:
        """Make random digits; see ``Driver``."""
        number = int.from_bytes(self.host.entropy.token(16), "big")
        return f"{number % 10**count:0{count}}"

    def ask_link(self, request: LinkRequest) -> None:
        """Ask for a step of a link; see ``Driver``."""
        session = self.session
        if self._now().handling:
            wrong = "links are asked for in the flow, not in parse, check or transform"
            raise self.troubled(FlowFailed(wrong))
        if len(session.links) >= _MAX_LINKS:
            raise self.troubled(FlowFailed(f"more than {_MAX_LINKS} steps of links in one turn"))
        session.links += (request,)

    def troubled(self, error: FlowFailed) -> FlowFailed:
        """Note that the turn has failed; see ``Driver``."""
        self._trouble = error
        return error

    def _make(self, kind: str) -> object:
        match kind:
            case "now":
                return self.host.clock.now()
            case "random":
                return self.host.entropy.jitter()
            case _:
                return self.host.entropy.token(16).hex()

    def _check_trouble(self) -> None:
        """Raise what the flow's own code may have swallowed."""
        trouble, self._trouble = self._trouble, None
        if isinstance(trouble, FlowFailed):
            raise trouble.at(raised_at(trouble.__traceback__, self.flow.module))
        if trouble is not None:
            raise trouble

    def _under_way(self) -> Turn:
        """Give the turn to the flow's own code, which may be called at any time: a run's function has no turn."""
        if self.turn is None:
            raise InvalidInput(
                "a conversation is used in its flow only; what c.run calls takes what it needs as arguments"
            )
        return self.turn

    def _now(self) -> Turn:
        turn = self.turn
        assert turn is not None
        return turn

    def _count_step(self, operation: Operation[Any] | None = None) -> None:
        turn = self._now()
        turn.steps += 1
        limit = self.flow.limits.steps_per_turn
        if turn.steps > limit:
            raise FlowLoops(
                f"flow {self.flow.name!r} took more than {limit} steps in one turn",
                where="" if operation is None else operation.where,
            )
