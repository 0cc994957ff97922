"""A phone: what a test talks to flows with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sessiond.core.conversations.journal import JournalEntry, decode_entry
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import AttachmentKind, Choice, Output, Prompt
from sessiond.core.flows.record import Record
from sessiond.runtime.entropy import SeededEntropy
from sessiond.testing.conversations.calls import Called, Caller
from sessiond.testing.conversations.line import Event, Line, Playable, PlayClock, Shown, book_of
from sessiond.testing.conversations.transcript import Transcript, spoken

__all__ = ["Phone", "ReplayDiffers", "play"]

#: 2023-11-14T22:13:20Z.
_EPOCH: Final = 1_700_000_000.0


class ReplayDiffers(AssertionError):
    """A flow that was rebuilt from its record asks something else than the one that lives: it is not deterministic."""


class Phone:
    """One person on one platform; made by ``play``.

    After every act *screen* is what is to be read. A flow that fails raises ``FlowFailed`` out of the act, unless
    *raises* is false; then *error* holds it, and the screen what the person reads.
    """

    def __init__(self, line: Line, *, raises: bool = True, restarts: bool = False) -> None:
        self.line = line
        self.raises = raises
        self.restarts = restarts
        self.screen = ""
        """All that the last act brought, as plain text; a blank line between each two."""
        self.shown: list[Shown] = []
        """The same, one by one."""
        self.prompt: Prompt | None = None
        """The question that is waiting."""
        self.runs: list[Called] = []
        """The functions that were called, from the beginning."""
        self.error: Exception | None = None
        """Why a flow failed in the last act."""
        self.result: Any = None
        """What the flow that ended last returned."""
        self.has_ended = False
        """Whether a flow ended in the last act."""
        self.language = ""
        """What the door says the person speaks."""
        self.profile: Mapping[str, str] = {}
        """What the door says of the person."""
        self._transcript = Transcript()
        self._dials = 1

    # What a person does

    def say(self, text: str) -> str:
        """Write *text*. Returns the screen."""
        return self._act(Answer(text=text))

    def tap(self, choice: str, *, screen: Prompt | None = None) -> str:
        """Tap a choice of the question that is shown, by its label, key or number; of an older one: *screen*.

        Raises:
          InvalidInput: there is no such choice on it.

        """
        prompt = screen or self.prompt
        choices = () if prompt is None else prompt.choices
        for found in choices:
            if choice in {found.label, found.key, str(found.number)}:
                break
        else:
            known = ", ".join(repr(one.label) for one in choices) or "nothing"
            raise InvalidInput(f"there is no choice {choice!r}: there is {known}")
        assert prompt is not None
        return self._act(Answer(choice=found.key, screen=prompt.screen), prompt)

    def attach(self, kind: AttachmentKind | str = AttachmentKind.IMAGE, **fields: str) -> str:
        """Send a picture, a document …; *fields* are those of ``Attachment``."""
        return self._act(Answer(attachment=Attachment(kind=AttachmentKind(kind), **fields)))

    def send_location(self, latitude: float, longitude: float, **fields: str) -> str:
        """Send a place, in degrees."""
        return self._act(
            Answer(location=Location(latitude=latitude, longitude=longitude, **fields))
        )

    def send_contact(self, name: str, *phones: str) -> str:
        """Send a visiting card."""
        return self._act(Answer(contact=Contact(name=name, phones=phones)))

    def dial(self, text: str = "") -> str:
        """Dial anew, as on USSD: with another request id. *text*: what is dialled behind the code, such as ``1*2``."""
        self._dials += 1
        self.line.facts = replace(self.line.facts, request_id=f"dial-{self._dials}")
        self._transcript.said(f"(dial {text})" if text else "(dial)")
        profile = dict(self.profile)
        return self._took(self.line.dial(text, language=self.language, profile=profile))

    def move_to(self, platform: str, gateway: str = "") -> None:
        """Go on talking on another platform, and gateway; whether it is the same conversation is up to the keys."""
        gateway = gateway or self.line.facts.gateway
        self._transcript.noted(f"on {platform}")
        self.line.facts = replace(self.line.facts, platform=platform, gateway=gateway)

    def start(self, flow: str) -> str:
        """Start *flow* by its name, whatever is running."""
        self._transcript.noted(f"start {flow}")
        return self._told(Answer(), flow=flow)

    def remind(self) -> str:
        """Show the question again."""
        self._transcript.noted("remind")
        return self._took(self.line.remind())

    # What happens to the conversation

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> str:
        """Let virtual time pass; what is due expires. What it says is on the screen, where it can be pushed."""
        parts = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        told = " ".join(f"{amount:g} {unit}" for unit, amount in parts.items() if amount)
        self._transcript.noted(f"{told or 'no time'} later")
        passed = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        return self._took(self.line.advance(passed))

    def restart(self) -> str:
        """Rebuild everything from what is stored, as a server does that was restarted."""
        self._transcript.noted("restart")
        return self._took(self._restarted())

    def settle(self) -> str:
        """Call the functions that flows wait for: with ``holds_runs`` they are not called before."""
        return self._took(self.line.settle())

    # What there is

    @property
    def transcript(self) -> str:
        """The conversation so far, as text."""
        return self._transcript.text

    @property
    def choices(self) -> list[str]:
        """The labels that can be tapped."""
        return [choice.label for choice in self._choices]

    @property
    def _choices(self) -> tuple[Choice, ...]:
        return () if self.prompt is None else self.prompt.choices

    @property
    def journal(self) -> list[JournalEntry]:
        """Everything that was told of the conversation, as the server's journal has it."""
        return [decode_entry(raw) for raw in self.line.journal]

    @property
    def record(self) -> Record | None:
        """The record of the flow that runs; ``None``: none does."""
        records = [decode_conversation(raw).flow_record for raw in self.line.stored.values()]
        return next((record for record in records if record is not None), None)

    @property
    def now(self) -> float:
        """The virtual time, in seconds since the Unix epoch."""
        return self.line.clock.now()

    # How it is done

    def _act(self, answer: Answer, prompt: Prompt | None = None) -> str:
        self._transcript.said(spoken(answer, prompt))
        return self._told(answer)

    def _told(self, answer: Answer, **options: Any) -> str:
        profile = dict(self.profile)
        return self._took(self.line.say(answer, language=self.language, profile=profile, **options))

    def _took(self, events: list[Event]) -> str:
        self.shown = [event for event in events if isinstance(event, Shown)]
        self.runs += [event for event in events if isinstance(event, Called)]
        self.error = next((shown.error for shown in self.shown if shown.error), None)
        self.has_ended = False
        for event in events:
            self._transcript.happened(event)
            if isinstance(event, Shown):
                self._saw(event.output)
        self.screen = "\n\n".join(shown.text for shown in self.shown if shown.text)
        if self.error is not None and self.raises:
            raise self.error
        if self.restarts:
            self._check_replay()
            self._restarted()
        return self.screen

    def _saw(self, output: Output) -> None:
        if output.prompt is not None:
            self.prompt = output.prompt
        elif output.end is not None:
            self.prompt = None
            self.has_ended = True
            self.result = None if output.result is None else msgspec.json.decode(output.result)

    def _restarted(self) -> list[Event]:
        return self.line.restart()

    def _check_replay(self) -> None:
        taken = self.line.probe()
        if taken.error is not None and self.raises:
            raise taken.error
        if taken.output is not None and taken.output.restarted:
            asked = None if self.prompt is None else self.prompt.key
            asks = None if taken.output.prompt is None else taken.output.prompt.key
            raise ReplayDiffers(
                f"the flow {taken.flow!r} waits at {asked!r}, and when it is rebuilt from its record at {asks!r}: "
                "it depends on something that its record does not hold"
            )


@contextmanager
def play(
    source: Playable,
    *,
    platform: str = "websocket",
    gateway: str = "play",
    user: str = "ama",
    phone: str = "+233244123456",
    keys: SessionKeySettings | None = None,
    sessions: FlowSessionLimits | None = None,
    results: Mapping[str, object] | None = None,
    holds_runs: bool = False,
    restarts: bool = False,
    raises: bool = True,
    language: str = "",
    profile: Mapping[str, str] | None = None,
    resume_seconds: float = 0.0,
    seed: int = 0,
) -> Iterator[Phone]:
    """Play the flows of *source*: an ``App``, a ``Flow``, or an async function that is a flow.

    *platform* and *gateway* are any names; *user* and *phone* say who talks. *keys* say how conversations are told
    apart, and *sessions* how long they live: by default as in a server. *results* stand in for the functions of
    ``c.run``, by key: a value, a function of the same arguments, or an exception to raise. *holds_runs*: functions
    are called by ``phone.settle()``. *restarts*: after every act everything is rebuilt from what is stored, and must
    be what it was. *raises*: see ``Phone``. *language* and *profile* are what the door says of the person.
    *resume_seconds*: how long a dial that was interrupted can be continued by the next one. The same *seed* gives the
    same ids and numbers.

    Raises:
      InvalidInput: there is nothing to play, or something does not fit.
      FlowFailed: at the end, when a flow raises while it is put away.

    """
    facts = ChannelFacts(
        platform=platform,
        gateway=gateway,
        host="localhost",
        path="/",
        request_id="dial-1",
        msisdn=phone,
        user_id=user,
    )
    line = Line(
        book_of(source, keys, sessions),
        facts,
        caller=Caller(results),
        clock=PlayClock(_EPOCH),
        entropy=SeededEntropy(seed),
        holds_runs=holds_runs,
        resume_seconds=resume_seconds,
    )
    played = Phone(line, raises=raises, restarts=restarts)
    played.language = language
    played.profile = profile or {}
    yield played
    line.close()
