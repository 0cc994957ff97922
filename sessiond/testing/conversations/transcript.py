"""Transcripts: a played conversation as text, to be read by people and compared with a file.

::

    > order
      What size?

      1. Small
      2. Large
    > [Large]
      -- reserve("l") = "R1"
      Your reference is R1.
      -- the end
"""

import difflib
import os
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.prompts import Prompt
from sessiond.testing.conversations.calls import Called
from sessiond.testing.conversations.line import Shown

__all__ = ["UPDATE", "Transcript", "assert_transcript", "spoken"]

#: Set to anything but nothing: golden files are written instead of compared.
UPDATE: Final = "SESSIOND_UPDATE_TRANSCRIPTS"


class Transcript:
    """Collects lines. *names_lines*: failures with the line of code, which would change golden files at every edit."""

    def __init__(self, *, names_lines: bool = False) -> None:
        self._lines: list[str] = []
        self._names_lines = names_lines

    @property
    def text(self) -> str:
        """All of it; each line ends with a newline."""
        return "".join(f"{line.rstrip()}\n" for line in self._lines)

    def take(self) -> str:
        """Hand out what was noted, and forget it."""
        text = self.text
        self._lines.clear()
        return text

    def said(self, what: str) -> None:
        """Note what the person said."""
        self._lines += [f"> {line}" for line in what.split("\n")]

    def noted(self, what: str) -> None:
        """Note what happened to the conversation."""
        self._lines.append(f"  -- {what}")

    def happened(self, event: Shown | Called) -> None:
        """Note what was shown, or which function was called."""
        if isinstance(event, Called):
            self.noted(_called(event))
            return
        if event.text:
            self._lines += [f"  {line}" for line in event.text.split("\n")]
        for message in event.output.messages:
            if message.media is not None and not message.media.url:
                self.noted(f"{message.media.kind} {message.media.id}")
        if event.error is not None:
            what = _failure(event.error) if self._names_lines else type(event.error).__name__
            self.noted(f"failed: {what}")
        if event.output.end is not None:
            result = event.output.result
            self.noted(f"the end: {result.decode()}" if result is not None else "the end")


def spoken(answer: Answer, prompt: Prompt | None) -> str:
    """Write what a person does as a line of the transcript."""
    if answer.choice is not None:
        choices = () if prompt is None else prompt.choices
        label = next((c.label for c in choices if c.key == answer.choice), answer.choice)
        return f"[{label}]"
    for name in ("attachment", "location", "contact"):
        sent = getattr(answer, name)
        if sent is not None:
            fields = msgspec.to_builtins(sent)
            told = " ".join(_plain(value) for value in fields.values() if value not in ("", []))
            return f"({name}: {told})"
    return answer.text


def _failure(error: Exception) -> str:
    """Say which line failed, and, to the author alone, the words of what was raised there."""
    cause = error.__cause__
    words = "" if cause is None or str(cause) in str(error) else f": {cause}"
    return f"{error}{words}"


def _called(called: Called) -> str:
    args = ", ".join(_plain(arg) for arg in called.args)
    if called.error is not None:
        return f"{called.key}({args}) failed: {called.error}"
    return f"{called.key}({args}) = {_plain(called.result)}"


def _plain(value: Any) -> str:
    """Write a value as JSON; one that has no such form by its type, as a repr may hold an address."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, msgspec.MsgspecError):
        return f"<{type(value).__name__}>"


class _Played(Protocol):
    @property
    def transcript(self) -> str: ...


def assert_transcript(played: _Played, path: str | Path) -> None:
    """Compare the transcript of *played* with the file at *path*; with ``SESSIOND_UPDATE_TRANSCRIPTS=1`` write it.

    Raises:
      AssertionError: they differ (the difference is shown), or there is no file.

    """
    file, text = Path(path), played.transcript
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    if not file.exists():
        raise AssertionError(f"there is no transcript {file}; {UPDATE}=1 writes it")
    expected = file.read_text(encoding="utf-8")
    if expected != text:
        lines = difflib.unified_diff(
            expected.splitlines(), text.splitlines(), str(file), "played", lineterm=""
        )
        difference = "\n".join(lines)
        raise AssertionError(
            f"the conversation went otherwise:\n{difference}\n{UPDATE}=1 writes it"
        )
