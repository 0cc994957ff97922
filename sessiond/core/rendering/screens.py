"""What a conversation shows, as the text of a USSD screen, with where its choices begin.

FlowChat's text: media as a line of their own, what is said, the question and its numbered choices, a blank line
between each two parts. Marks of Markdown stay as they are written: ``*920*44#`` is a number to dial, not italics.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from msgspec.structs import replace

from sessiond.core.flows.prompts import AttachmentKind, Choice, Media, Message, Output, Prompt
from sessiond.core.values import Value

__all__ = ["Screen", "Showing", "media_line", "screen_of", "without_media"]

#: FlowChat's words for media (ussd/renderer.rb).
_MEDIA: Final[Mapping[AttachmentKind, str]] = MappingProxyType(
    {
        AttachmentKind.IMAGE: "📷 Image",
        AttachmentKind.DOCUMENT: "📄 Document",
        AttachmentKind.AUDIO: "🎵 Audio",
        AttachmentKind.VIDEO: "🎥 Video",
        AttachmentKind.STICKER: "😊 Sticker",
    }
)

_BLANK_LINE: Final = "\n\n"


class Showing(Protocol):
    """What can be shown: an ``Output``, or the ``Readable`` part of its document."""

    @property
    def messages(self) -> Sequence[Message]:
        """What is said."""
        ...

    @property
    def prompt(self) -> Prompt | None:
        """What is asked."""
        ...


class Screen(Value, frozen=True):
    """A text and the offsets in it at which choices begin."""

    PRIVATE = frozenset({"text"})

    text: str
    choices: tuple[int, ...] = ()


def screen_of(shown: Showing) -> Screen:
    """Write the screen; an empty text: nothing is shown."""
    parts = [part for part in _parts(shown) if part]
    text = _BLANK_LINE.join(parts)
    lines = _choice_lines(shown.prompt)
    if not lines:
        return Screen(text)
    starts, at = [], len(text) + len(_BLANK_LINE) if text else 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return Screen(_BLANK_LINE.join(filter(None, (text, "\n".join(lines)))), tuple(starts))


def media_line(media: Media | None) -> str:
    """Write the line that stands for media where they cannot be shown; empty: there is nothing to tell."""
    if media is None:
        return ""
    address = _one_line(media.url or media.filename)
    return f"{_MEDIA[media.kind]}: {address}" if address else ""


def without_media(output: Output) -> Output:
    """Put a line into the place of each of the media, where they cannot be shown; one without address is left out."""
    messages = [
        Message(_joined(media_line(message.media), message.text)) for message in output.messages
    ]
    prompt = output.prompt
    if prompt is not None:
        text = _joined(media_line(prompt.media), prompt.text)
        prompt = replace(prompt, text=text, media=None)
    kept = tuple(message for message in messages if message.text.strip())
    return replace(output, messages=kept, prompt=prompt)


def _joined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _parts(shown: Showing) -> Iterator[str]:
    for message in shown.messages:
        yield media_line(message.media)
        yield _lines(message.text)
    if shown.prompt is not None:
        yield media_line(shown.prompt.media)
        yield _lines(shown.prompt.body)


def _choice_lines(prompt: Prompt | None) -> list[str]:
    if prompt is None or (prompt.error and not prompt.repeats):
        return []
    return [_choice_line(choice) for choice in prompt.choices]


def _choice_line(choice: Choice) -> str:
    return f"{choice.number}. {_one_line(choice.label)}".rstrip()


def _lines(text: str) -> str:
    """Line ends as newlines, tabs (no character of the GSM alphabet) as blanks, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
