"""What a conversation shows, as the doors hand it on: one JSON document, or plain text.

The document of the websocket door::

    {"conversation": KEY, "flow": NAME, "messages": [{"text", "media"?}],
     "prompt"?: {"kind", "key", "screen", "text", "choices"?: [{"key", "label", "number", "description"?}],
                 "error"?, "repeats"?, "media"?, "accepts"?, "layout"?},
     "end"?: "returned" | "ended" | "expired", "result"?, "rejected"?, "restarted"?,
     "pending"?, "busy"?, "queued"?, "failed"?}

Fields that say nothing are left out.
"""

from typing import Final

import msgspec

from sessiond.core.flows.prompts import Message, Output, Prompt

__all__ = ["encode_shown", "text_of"]


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
        messages=output.messages,
        prompt=output.prompt,
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


def text_of(output: Output) -> str:
    """Write *output* as plain text: messages, the question and its numbered choices, a blank line between each two."""
    parts = [message.text for message in output.messages]
    if output.prompt is not None:
        parts.append(output.prompt.body)
        if output.prompt.choices and (output.prompt.repeats or not output.prompt.error):
            parts.append("\n".join(f"{c.number}. {c.label}" for c in output.prompt.choices))
    return "\n\n".join(part for part in parts if part)
