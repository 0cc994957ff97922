"""What a conversation shows, as the doors hand it on: one JSON document, or plain text.

The document of the websocket door::

    {"conversation": KEY, "flow": NAME, "messages": [{"text", "media"?}],
     "prompt"?: {"kind", "key", "screen", "text", "choices"?: [{"key", "label", "number", "description"?}],
                 "error"?, "repeats"?, "media"?, "accepts"?, "layout"?},
     "end"?: "returned" | "ended" | "expired", "result"?, "rejected"?, "restarted"?,
     "pending"?, "busy"?, "queued"?, "failed"?}

Fields that say nothing are left out. Where a file of ours is (``Media.path``) is told to nobody.
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.flows.prompts import Media, Message, Output, Prompt

__all__ = ["Readable", "encode_shown", "read_shown", "text_of"]


class _Shown(msgspec.Struct, omit_defaults=True, kw_only=True):
    conversation: str
    flow: str
    messages: tuple[Message, ...]
    prompt: Prompt | None = None
    end: str | None = None
    result: msgspec.Raw | None = None
    rejected: bool = False
    restarted: bool = False
    pending: bool = False
    busy: bool = False
    queued: bool = False
    failed: bool = False


_encode: Final = msgspec.json.Encoder().encode


def encode_shown(
    output: Output,
    *,
    key: str,
    flow: str,
    busy: bool = False,
    queued: bool = False,
    failed: bool = False,
) -> bytes:
    """Encode what is shown; *pending* follows from the function that the flow waits for."""
    shown = _Shown(
        conversation=key,
        flow=flow,
        messages=_public_messages(output.messages),
        prompt=_public_prompt(output.prompt),
        end=None if output.end is None else output.end.value,
        result=None if output.result is None else msgspec.Raw(output.result),
        rejected=output.rejected,
        restarted=output.restarted,
        pending=output.run is not None,
        busy=busy,
        queued=queued,
        failed=failed,
    )
    # A copy: the encoder hands out more memory than it filled, and this may be kept.
    return bytes(memoryview(_encode(shown)))


def _public_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if not any(message.media is not None and message.media.path for message in messages):
        return messages
    return tuple(replace(message, media=_public(message.media)) for message in messages)


def _public_prompt(prompt: Prompt | None) -> Prompt | None:
    if prompt is None or prompt.media is None or not prompt.media.path:
        return prompt
    return replace(prompt, media=_public(prompt.media))


def _public(media: Media | None) -> Media | None:
    return None if media is None else replace(media, path="")


class Readable(msgspec.Struct, frozen=True):
    """What doors of plain text read of a document; *duplicate*: it answers a repeat, the first answer is not kept."""

    messages: tuple[Message, ...] = ()
    prompt: Prompt | None = None
    duplicate: bool = False


_decode: Final = msgspec.json.Decoder(Readable).decode


def read_shown(document: bytes) -> Readable:
    """Read the document that a conversation answered with (``ActorRef.ask``)."""
    return _decode(document)


def text_of(shown: Output | Readable) -> str:
    """Write what is shown as plain text, a blank line between each two parts; empty: nothing is.

    Parts are messages, the question, and its numbered choices; media are the address below their text.
    """
    parts = [_with_address(message.text, message.media) for message in shown.messages]
    prompt = shown.prompt
    if prompt is not None:
        parts.append(_with_address(prompt.body, prompt.media))
        if prompt.choices and (prompt.repeats or not prompt.error):
            parts.append("\n".join(f"{c.number}. {c.label}" for c in prompt.choices))
    return "\n\n".join(part for part in parts if part)


def _with_address(text: str, media: Media | None) -> str:
    address = "" if media is None else media.url
    return "\n".join(part for part in (text, address) if part)
