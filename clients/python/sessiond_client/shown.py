"""What a conversation shows: the replies of ``Client.say``, ``start_flow`` and ``remind``, and ``flow:output`` pushes.

A server that is newer than this client may say more: fields that are not known here are passed over.
"""

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import field, frozen

__all__ = ["FLOW_OUTPUT", "Choice", "Message", "Prompt", "Shown"]

FLOW_OUTPUT = "flow:output"
"""The event of what nobody waited for, such as the results of functions that flows run."""


@frozen
class Message:
    """Something said that needs no answer. *media* has a ``kind`` and a ``url`` or an ``id``."""

    text: str = field(repr=False)
    media: Mapping[str, object] | None = field(default=None, repr=False)


@frozen
class Choice:
    """One thing that can be picked; *number* counts from 1."""

    key: str
    label: str
    number: int
    description: str = ""


@frozen(kw_only=True)
class Prompt:
    """A question that waits for an answer. *error* says why the answer before was not taken."""

    kind: str
    """``text``, ``choice``, ``confirm``, ``attachment``, ``location`` or ``contact``."""
    key: str
    screen: str
    """Goes back with a tap: ``say(choice=…, screen=prompt.screen)``."""
    text: str = field(repr=False)
    choices: tuple[Choice, ...] = field(default=(), repr=False)
    error: str = field(default="", repr=False)
    repeats: bool = True
    """With an error: whether the question is shown again below it."""
    media: Mapping[str, object] | None = field(default=None, repr=False)
    accepts: tuple[str, ...] = ()
    """Kinds of attachments that are taken."""
    layout: str = "auto"
    """How the author wants choices shown: ``auto``, ``buttons`` or ``list``."""


@frozen(kw_only=True)
class Shown:
    """What one turn of a conversation shows. All empty: there was nothing to show."""

    conversation: str = ""
    flow: str = ""
    messages: tuple[Message, ...] = ()
    prompt: Prompt | None = None
    """What is asked now; ``None``: nothing waits for an answer."""
    end: str | None = None
    """``returned``, ``ended`` or ``expired``, when the conversation is over."""
    result: object = field(default=None, repr=False)
    """What the flow returned."""
    rejected: bool = False
    """The answer was not taken; ``prompt.error`` says why."""
    restarted: bool = False
    """The flow has changed in the meantime, and the conversation began anew or went on elsewhere."""
    pending: bool = False
    """The flow waits for a function; what comes of it is pushed as ``flow:output``."""
    busy: bool = False
    """The input was not taken: a function still runs."""
    queued: bool = False
    """The input is kept until the function has returned."""
    failed: bool = False
    """The flow failed; the same answer may be given again."""

    @classmethod
    def read(cls, payload: Mapping[str, object]) -> Self:
        """Read a reply, or the payload of a ``flow:output`` push."""
        prompt = payload.get("prompt")
        end = payload.get("end")
        return cls(
            conversation=_text(payload, "conversation"),
            flow=_text(payload, "flow"),
            messages=tuple(
                Message(_text(one, "text"), _map(one, "media"))
                for one in _maps(payload, "messages")
            ),
            prompt=_prompt(prompt) if isinstance(prompt, Mapping) else None,
            end=end if isinstance(end, str) else None,
            result=payload.get("result"),
            rejected=payload.get("rejected") is True,
            restarted=payload.get("restarted") is True,
            pending=payload.get("pending") is True,
            busy=payload.get("busy") is True,
            queued=payload.get("queued") is True,
            failed=payload.get("failed") is True,
        )

    @property
    def text(self) -> str:
        """All of it as plain text: messages, the question and its numbered choices, a blank line between each two."""
        parts = [message.text for message in self.messages]
        prompt = self.prompt
        if prompt is not None:
            parts.append(prompt.error)
            if prompt.repeats or not prompt.error:
                parts.append(prompt.text)
                parts.append("\n".join(f"{one.number}. {one.label}" for one in prompt.choices))
        return "\n\n".join(part for part in parts if part)


def _prompt(payload: Mapping[str, object]) -> Prompt:
    accepts = payload.get("accepts")
    return Prompt(
        kind=_text(payload, "kind"),
        key=_text(payload, "key"),
        screen=_text(payload, "screen"),
        text=_text(payload, "text"),
        choices=tuple(_choice(one) for one in _maps(payload, "choices")),
        error=_text(payload, "error"),
        repeats=payload.get("repeats") is not False,
        media=_map(payload, "media"),
        accepts=tuple(map(str, accepts)) if isinstance(accepts, Sequence) else (),
        layout=_text(payload, "layout") or "auto",
    )


def _choice(payload: Mapping[str, object]) -> Choice:
    number = payload.get("number")
    return Choice(
        _text(payload, "key"),
        _text(payload, "label"),
        number if isinstance(number, int) else 0,
        _text(payload, "description"),
    )


def _text(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _map(payload: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    value = payload.get(name)
    return value if isinstance(value, Mapping) else None


def _maps(payload: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    value = payload.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
