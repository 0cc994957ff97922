"""What a conversation knows without asking anybody; ``Conversation`` adds the questions.

Everything here can be used anywhere in a flow, also in ``parse``, ``check`` and ``transform``. There nothing is
recorded: these run once, when an answer comes, and never when a flow is rebuilt.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.faults import FlowEvicted, FlowFailed
from sessiond.core.flows.flow_session import FlowSession
from sessiond.core.flows.record import Record
from sessiond.core.flows.recorded_session import RecordedSession
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.linking import CODE_DIGITS, LinkRequest, LinkStep, parse_code

__all__ = ["Driver", "Facts"]


class Driver(Protocol):
    """The engine, as the conversation sees it."""

    language: str
    """The tag of the language that is spoken."""

    @property
    def texts(self) -> FlowTexts:
        """The flow's sentences, in the conversation's language."""
        ...

    @property
    def record(self) -> Record:
        """The record as it is now."""
        ...

    @property
    def user(self) -> str:
        """The user's id."""
        ...

    @property
    def profile(self) -> Mapping[str, str]:
        """What the gateway says of the person."""
        ...

    @property
    def session(self) -> FlowSession:
        """The session of this turn."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether the flow is where it has never been."""
        ...

    def fact(
        self,
        kind: str,
        make: Callable[[], object] | None = None,
        *,
        key: str = "",
        as_type: Any = None,
    ) -> Any:
        """Give the recorded time, number, id or reading that is next, or make and record one."""
        ...

    def speak(self, language: str) -> None:
        """Change the language, now and for the session."""
        ...

    def text(self, msgid: str) -> str:
        """Give a sentence in the language."""
        ...

    def plural(self, one: str, many: str, count: int) -> str:
        """Give the form of a sentence that *count* takes."""
        ...

    def digits(self, count: int) -> str:
        """Make *count* random digits that nobody can guess."""
        ...

    def ask_link(self, request: LinkRequest) -> None:
        """Ask for a step of a link, when the turn is durable.

        Raises:
          FlowFailed: too many in one turn, or not in the flow itself.

        """
        ...

    def troubled(self, error: FlowFailed) -> FlowFailed:
        """Note that the turn has failed, whatever the flow does with *error*."""
        ...


class Facts:
    """One person, one flow, and what is known of them."""

    __slots__ = ("_driver",)

    def __init__(self, driver: Driver) -> None:
        self._driver: Driver | None = driver

    def now(self) -> float:
        """Seconds since the Unix epoch; recorded, so that replay sees the same."""
        value: float = self._alive().fact("now")
        return value

    def random(self) -> float:
        """Return a number in [0, 1); recorded. Not for secrets."""
        value: float = self._alive().fact("random")
        return value

    def id(self) -> str:
        """Return 32 hexadecimal digits that nobody else was given; recorded."""
        value: str = self._alive().fact("id")
        return value

    @property
    def run_id(self) -> str:
        """The idempotency key of the next ``run``, the same on every attempt. Use it in that call's arguments."""
        return self._alive().record.place

    @property
    def user_id(self) -> str:
        """Who the user is."""
        return self._alive().user

    @property
    def started_by(self) -> str:
        """The text that started the flow; it answers no question."""
        return self._alive().record.started_by

    @property
    def matched(self) -> Mapping[str, str]:
        """What the named groups of the pattern that started the flow have matched; empty without one."""
        return self._alive().record.matched

    @property
    def platform(self) -> str:
        """Where the conversation was started: ``ussd``, ``whatsapp``, …."""
        return self._alive().record.platform

    @property
    def gateway(self) -> str:
        """The gateway it was started through."""
        return self._alive().record.gateway

    @property
    def profile(self) -> Mapping[str, str]:
        """What the gateway says of the person now. Not recorded: show it, but do not branch on it."""
        return self._alive().profile

    @property
    def session(self) -> RecordedSession:
        """What the flow remembers beyond this conversation; see core/flows/recorded_session.py."""
        self._alive()
        return RecordedSession(self._alive)

    # Links with other users (docs/howto/link-identities.md)

    def offer_link(self) -> str:
        """Make a code that links whoever types it elsewhere to this user; recorded.

        Eight digits, good once and for ten minutes. Show it to this user only: whoever types it is him.
        """
        driver = self._alive()

        def offer() -> str:
            code = driver.digits(CODE_DIGITS)
            driver.ask_link(LinkRequest(LinkStep.OFFER, code))
            return code

        code: str = driver.fact("link_offer", offer)
        return code

    def redeem_link(self, code: str) -> bool:
        """Use a code that this person was shown elsewhere: both users are one from then on, when it is right.

        The user of a token goes on, else the one who offered the code; the conversations of the other one end. Whether
        it was right is not known yet: ``on_link`` hears what comes of it, and may begin a flow that says so.
        ``False``: it has not eight digits. Recorded.
        """
        driver = self._alive()

        def redeem() -> bool:
            try:
                number = parse_code(code)
            except InvalidInput:
                return False
            driver.ask_link(LinkRequest(LinkStep.CLAIM, number))
            return True

        is_code: bool = driver.fact("link_redeem", redeem)
        return is_code

    def unlink(self) -> None:
        """Part everybody who was linked to this user: what each of them says next begins a session of his own."""
        driver = self._alive()
        driver.fact("link_part", lambda: driver.ask_link(LinkRequest(LinkStep.RELEASE)))

    # Languages

    @property
    def language(self) -> str:
        """The tag of the language that is spoken: the session's, else the door's, else the default."""
        return self._alive().language

    def use_language(self, tag: str) -> None:
        """Speak another language from now on, and in what this session's flows say later.

        Recorded: a flow that is rebuilt speaks what it spoke then.

        Raises:
          InvalidInput: it is no language tag.

        """
        self._alive().speak(tag)

    def t(self, text: str, /, **values: object) -> str:
        """Give *text* in the conversation's language, as it is when no catalogue has it.

        *values* are filled in by ``str.format_map``: ``c.t("Hello {name}", name=name)``. Without values braces are
        braces.
        """
        driver = self._alive()
        return _filled(driver.text(text), text, values)

    def nt(self, one: str, many: str, n: int, /, **values: object) -> str:
        """Give the form of a sentence that the number *n* takes; ``{n}`` is filled in.

        ``c.nt("{n} piece", "{n} pieces", count)``.
        """
        driver = self._alive()
        source = one if n == 1 else many
        return _filled(driver.plural(one, many, n), source, {"n": n, **values})

    # The engine's side

    def _alive(self) -> Driver:
        if self._driver is None:
            raise FlowEvicted("this conversation is over: its flow has ended or was put away")
        return self._driver

    def die(self) -> None:
        """Make every later call raise ``FlowEvicted``."""
        self._driver = None


def _filled(found: str, source: str, values: Mapping[str, object]) -> str:
    """Fill the values in. A translation that names others than its source does not cost people the sentence."""
    if not isinstance(source, str):
        raise InvalidInput(f"a text is needed, not a {type(source).__name__}")
    if not values:
        return found
    if found != source:
        try:
            return found.format_map(values)
        except (LookupError, ValueError, AttributeError, TypeError):
            pass
    return source.format_map(values)
