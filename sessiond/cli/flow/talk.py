"""A talk with flows in a terminal, or with a script on standard input.

What is printed is a transcript (sessiond/testing/conversations/transcript.py); a terminal has shown what was typed
already, so that is printed for scripts only.
"""

import io
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen
from msgspec.structs import replace
from typing_extensions import override

from sessiond.core.errors import InvalidInput
from sessiond.core.flow_check.platforms import Page
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.prompts import AttachmentKind, Prompt, RunRequest
from sessiond.core.rendering.gsm import text_length
from sessiond.testing.conversations.line import Event, Line, PlayClock, Shown
from sessiond.testing.conversations.transcript import Transcript

__all__ = ["Talk", "TerminalClock"]

_PROMPT: Final = "> "
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_HELP: Final = """\
What you type is said to the flow. Also:
  /restart                 rebuild everything from its record, as a server does
  /back                    take the last input back
  /remind                  show the question again
  /wait 2h                 let time pass: 30s, 5m, 2h, 3d
  /platform NAME           go on on another platform, such as ussd or whatsapp
  /dial [TEXT]             dial anew
  /tap KEY                 tap a choice, by its key, label or number
  /image URL               send a picture; also /document, /audio, /video, /sticker
  /location LAT LON        send a place, in degrees
  /contact NAME PHONE...   send a visiting card
  /quit                    end; so does Ctrl-D
A line that begins with // is said with one of the two."""


class TerminalClock(PlayClock):
    """The machine's wall clock, and what ``/wait`` has added to it."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self._added = 0.0

    @override
    def now(self) -> float:
        """The time."""
        return time.time() + self._added

    @override
    def move_to(self, moment: float) -> None:
        """Set the clock; it goes on from there."""
        self._added = moment - time.time()


@frozen
class _Before:
    """How everything was before an input."""

    stored: Mapping[str, bytes]
    pending: Mapping[str, RunRequest]
    prompt: Prompt | None


class Talk:
    """Reads inputs and prints what comes of them. *flow*: the one that begins by itself; empty: routing decides."""

    def __init__(self, line: Line, *, page: Page, flow: str = "", language: str = "") -> None:
        self.is_terminal = sys.stdin is not None and sys.stdin.isatty()  # None: it is closed
        self.failures = 0
        """How often a flow failed."""
        self._line = line
        self._page = page
        self._flow = flow
        self._language = language
        self._transcript = Transcript(names_lines=True)
        self._prompt: Prompt | None = None
        self._history: list[_Before] = []
        self._dials = 1
        self._commands: dict[str, Callable[[list[str]], list[Event] | None]] = {
            "restart": self._restart,
            "back": self._back,
            "remind": lambda _: self._line.remind(),
            "wait": self._wait,
            "platform": self._platform,
            "dial": self._dial,
            "tap": self._tap,
            "location": self._location,
            "contact": self._contact,
            "help": self._help,
        } | {kind.value: self._attachment(kind) for kind in AttachmentKind}

    def begin(self) -> None:
        """Talk until the input ends, or somebody has enough of it."""
        try:
            if self._flow:
                self._show(self._say(Answer(), flow=self._flow))
            elif self._line.facts.platform == "ussd":
                self._show(self._say(Answer(), opens=True))
            for text in self._inputs():
                if text.split() in (["/quit"], ["/exit"]):
                    break
                self._take(text)
        finally:
            self._close()

    def _inputs(self) -> Iterator[str]:
        if not self.is_terminal:
            if isinstance(sys.stdin, io.TextIOWrapper):
                sys.stdin.reconfigure(errors="replace")
            for text in sys.stdin or ():
                stripped = text.rstrip("\r\n")
                self._transcript.said(stripped)
                yield stripped
            return
        import readline  # noqa: F401 -- gives input() its line editing

        while True:
            try:
                yield input(_PROMPT)
            except (EOFError, KeyboardInterrupt):
                print()
                return

    def _take(self, text: str) -> None:
        try:
            self._show(self._line.advance(0.0))
            events = self._command(text) if text.startswith("/") else self._said(text)
            self._show(events or [])
        except (InvalidInput, ValueError) as error:
            self._transcript.noted(str(error))
            self._print()

    def _command(self, text: str) -> list[Event] | None:
        if text.startswith("//"):
            return self._said(text[1:])
        name, *arguments = shlex.split(text[1:]) or [""]
        command = self._commands.get(name)
        if command is None:
            raise InvalidInput(f"/{name} is unknown; /help lists what there is")
        return command(arguments)

    # What can be typed

    def _said(self, text: str) -> list[Event]:
        return self._say(Answer(text=text))

    def _say(self, answer: Answer, **options: Any) -> list[Event]:
        before = _Before(self._line.stored, dict(self._line.pending), self._prompt)
        events = self._line.say(answer, language=self._language, **options)
        self._history.append(before)
        if not events and not self._line.pending:
            self._transcript.noted("nothing is said to that")
        return events

    def _restart(self, _: list[str]) -> list[Event]:
        events = self._line.restart()
        return [*events, *self._line.remind()]

    def _back(self, _: list[str]) -> list[Event] | None:
        if not self._history:
            raise InvalidInput("there is no input to take back")
        before = self._history.pop()
        self._line.stored = before.stored
        self._line.pending = dict(before.pending)
        self._prompt = before.prompt
        if not before.stored:
            self._transcript.noted("before the beginning")
        return self._line.remind()

    def _wait(self, arguments: list[str]) -> list[Event]:
        text = " ".join(arguments)
        spans = _SPAN.findall(text)
        if not spans or _SPAN.sub("", text).strip():
            raise InvalidInput("how long? Like 30s, 5m, 2h, 3d")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in spans)
        return self._line.advance(seconds)

    def _platform(self, arguments: list[str]) -> list[Event]:
        (name,) = _exactly(arguments, "/platform NAME")
        self._line.facts = replace(self._line.facts, platform=name)
        return self._line.remind()

    def _dial(self, arguments: list[str]) -> list[Event]:
        self._dials += 1
        self._line.facts = replace(self._line.facts, request_id=f"dial-{self._dials}")
        return self._say(Answer(text=" ".join(arguments)), opens=True)

    def _tap(self, arguments: list[str]) -> list[Event]:
        wanted = " ".join(arguments)
        choices = () if self._prompt is None else self._prompt.choices
        for choice in choices:
            if wanted in {choice.key, choice.label, str(choice.number)}:
                assert self._prompt is not None
                answer = Answer(choice=choice.key, screen=self._prompt.screen)
                return self._say(answer)
        raise InvalidInput(f"there is no choice {wanted!r}")

    def _location(self, arguments: list[str]) -> list[Event]:
        latitude, longitude = _exactly(arguments, "/location LAT LON", count=2)
        place = Location(latitude=float(latitude), longitude=float(longitude))
        return self._say(Answer(location=place))

    def _contact(self, arguments: list[str]) -> list[Event]:
        if not arguments:
            raise InvalidInput("/contact NAME PHONE...")
        name, *phones = arguments
        return self._say(Answer(contact=Contact(name=name, phones=tuple(phones))))

    def _attachment(self, kind: AttachmentKind) -> Callable[[list[str]], list[Event]]:
        def send(arguments: list[str]) -> list[Event]:
            (url,) = _exactly(arguments, f"/{kind} URL")
            return self._say(Answer(attachment=Attachment(kind=kind, url=url)))

        return send

    def _help(self, _: list[str]) -> None:
        print(_HELP)

    # What is printed

    def _show(self, events: list[Event]) -> None:
        for event in events:
            self._transcript.happened(event)
            if isinstance(event, Shown):
                self._saw(event)
        self._print()

    def _saw(self, shown: Shown) -> None:
        self.failures += shown.error is not None
        if shown.output.prompt is not None:
            self._prompt = shown.output.prompt
        elif shown.output.is_terminal:
            self._prompt = None
        if self._line.facts.platform == "ussd" and shown.text:
            self._transcript.noted(_counted(shown.text, self._page))

    def _print(self) -> None:
        text = self._transcript.take()
        if text:
            print(text, end="", flush=True)

    def _close(self) -> None:
        try:
            self._line.close()
        except FlowFailed as error:
            self.failures += 1
            self._transcript.noted(str(error))
        self._print()


def _exactly(arguments: list[str], usage: str, *, count: int = 1) -> list[str]:
    if len(arguments) != count:
        raise InvalidInput(usage)
    return arguments


def _counted(text: str, page: Page) -> str:
    characters, room = text_length(text), page.room_for(text)
    if characters <= room:
        return f"{characters} of {room} characters"
    return f"{characters} characters: more than one page of {room}"
