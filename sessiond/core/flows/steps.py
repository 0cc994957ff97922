"""Step lists: flows without code, with the Flow Framework's steps.

``Step(id, type, message, validator, transformer)`` with TEXT, BUTTON and LIST. Kept as they were there:

- *message* is a WhatsApp-shaped map, or a function of the data so far that returns one; a plain text or a
  ``StepMessage`` does as well. The buttons or rows in it are the choices.
- *validator* takes the raw input and returns a bool, or raises ``ValueError`` with the text to show; *transformer*
  makes the value, and may raise ``ValueError`` too. A refusal without a text is ``Invalid input``. (New: a validator
  that returns nothing has accepted, as functions that raise do.)
- The raw input of a TEXT step is the text; of BUTTON and LIST a map, as WhatsApp sends it:
  ``{"interactive": {"type": "button_reply", "button_reply": {"id": …, "title": …}}}`` (``list_reply``).
- A BUTTON step with the id ``confirm`` ignores its validator and takes nothing but the button ``confirm_action``.

New: messages are translated, a typed title or number counts as a tap, a failed turn is rolled back as a whole, and
every answer is recorded by step id, so that a list may change while people are in it.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowFailed, InvalidAnswer
from sessiond.core.flows.flow import Busy, Flow, FlowLimits, OnMismatch
from sessiond.core.flows.prompts import Layout, Option
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import NO_TRANSLATIONS, Translations

__all__ = [
    "CONFIRM",
    "CONFIRM_ACTION",
    "Step",
    "StepMessage",
    "StepType",
    "flow_of_steps",
    "message_of",
]

Data = Mapping[str, Any]
#: This BUTTON step takes this button and nothing else.
CONFIRM: Final = "confirm"
CONFIRM_ACTION: Final = "confirm_action"


class StepType(StrEnum):
    """What a step takes."""

    TEXT = "text"
    BUTTON = "button"
    LIST = "list"


@frozen
class StepMessage:
    """What a step shows: *choices* are labels by id."""

    text: str
    choices: Mapping[str, str | Option] | None = None


@frozen
class Step:
    """One question of a step list; see the top of this module."""

    id: str
    type: StepType
    message: "str | StepMessage | Data | Callable[[Data], str | StepMessage | Data]"
    validator: Callable[[Any], bool | None] | None = None
    transformer: Callable[[Any], Any] | None = None


def flow_of_steps(
    name: str,
    steps: Sequence[Step],
    complete: Callable[[Conversation, dict[str, Any]], Awaitable[object]] | None = None,
    *,
    formerly: tuple[str, ...] = (),
    on_mismatch: OnMismatch = OnMismatch.CONTINUE,
    on_expire: str | Callable[[Mapping[str, object]], str | None] | None = None,
    busy: Busy = Busy.SAY,
    question_after_error: bool = True,
    texts: FlowTexts | None = None,
    limits: FlowLimits | None = None,
    translations: Translations = NO_TRANSLATIONS,
) -> Flow:
    """Make a flow of *steps*; ``await complete(conversation, data)`` comes after the last one.

    Texts, labels and descriptions are msgids of *translations*; every other option means what it does for ``Flow``.

    Raises:
      InvalidInput: no steps, or two of the same id.

    """
    ids = [step.id for step in steps]
    if not ids:
        raise InvalidInput(f"flow {name!r} has no steps")
    twice = sorted({step_id for step_id in ids if ids.count(step_id) > 1})
    if twice:
        raise InvalidInput(f"flow {name!r} has two steps of the id {twice[0]!r}")

    caller = sys._getframe(1)  # noqa: SLF001 -- a list of steps has no other place in the code

    async def play(c: Conversation) -> object:
        data: dict[str, Any] = {}
        for step in steps:
            data[step.id] = await _question(c, step, data)
        return None if complete is None else await complete(c, data)

    return Flow(
        name=name,
        function=play,
        formerly=formerly,
        on_mismatch=on_mismatch,
        on_expire=on_expire,
        busy=busy,
        question_after_error=question_after_error,
        texts=texts or FlowTexts(),
        limits=limits or FlowLimits(),
        translations=translations,
        steps=tuple(steps),
        complete=complete,
        made_at=f"{caller.f_code.co_filename}:{caller.f_lineno}",
    )


async def _question(c: Conversation, step: Step, data: Data) -> Any:
    message = _translated(c, message_of(step, data))
    if step.type is StepType.TEXT:
        return await c.ask(
            step.id, message.text, choices=message.choices, transform=_Handled(step, None)
        )
    if not message.choices:
        raise FlowFailed(f"the message of step {step.id!r} has nothing to choose from")
    layout = Layout.BUTTONS if step.type is StepType.BUTTON else Layout.LIST
    handled = _Handled(step, message.choices)
    return await c.select(step.id, message.text, message.choices, transform=handled, layout=layout)


def _translated(c: Conversation, message: StepMessage) -> StepMessage:
    choices = message.choices and {
        key: Option(c.t(label.label), c.t(label.description))
        if isinstance(label, Option)
        else c.t(label)
        for key, label in message.choices.items()
    }
    return StepMessage(c.t(message.text), choices)


class _Handled:
    """Validates and transforms the answer to one step."""

    __slots__ = ("_choices", "_step")

    def __init__(self, step: Step, choices: Mapping[str, str | Option] | None) -> None:
        self._step = step
        self._choices = choices

    def __call__(self, picked: str) -> Any:
        step = self._step
        try:
            raw = picked if self._choices is None else self._reply(picked, self._choices)
            if not self._accepts(raw, picked):
                raise InvalidAnswer("")
            return raw if step.transformer is None else step.transformer(raw)
        except InvalidAnswer:
            raise
        except ValueError as error:
            raise InvalidAnswer(str(error)) from None

    def _accepts(self, raw: object, picked: str) -> bool:
        step = self._step
        if step.id == CONFIRM and step.type is StepType.BUTTON:
            return picked == CONFIRM_ACTION
        if step.validator is None:
            return True
        verdict = step.validator(raw)
        if verdict is None:  # it would have raised
            return True
        if not isinstance(verdict, bool):
            raise FlowFailed(
                f"the validator of step {step.id!r} returned a {type(verdict).__name__}, "
                "neither a bool nor None"
            )
        return verdict

    def _reply(self, picked: str, choices: Mapping[str, str | Option]) -> dict[str, Any]:
        label = choices[picked]
        title = label.label if isinstance(label, Option) else label
        kind = "button_reply" if self._step.type is StepType.BUTTON else "list_reply"
        return {"interactive": {"type": kind, kind: {"id": picked, "title": title}}}


# ------------------------------------------------------------------------------------------------- messages


def message_of(step: Step, data: Data) -> StepMessage:
    """Read a step's message in any of its forms; *data* are the answers before it.

    Raises:
      FlowFailed: it is none. Whatever a function of the author raises comes out as it is.

    """
    message = step.message(data) if callable(step.message) else step.message
    if isinstance(message, StepMessage):
        return message
    if isinstance(message, str):
        return StepMessage(message)
    try:
        return _from_map(message)
    except (AttributeError, KeyError, TypeError):
        raise FlowFailed(
            f"the message of step {step.id!r} is no text, no StepMessage and no WhatsApp message "
            "with text.body or interactive.body.text"
        ) from None


def _from_map(message: Data) -> StepMessage:
    if "interactive" not in message:
        return StepMessage(_text(message["text"]["body"]))
    interactive = message["interactive"]
    action = interactive.get("action", {})
    choices: dict[str, str | Option] = {}
    for button in action.get("buttons", ()):
        choices[button["reply"]["id"]] = button["reply"]["title"]
    for section in action.get("sections", ()):
        for row in section["rows"]:
            choices[row["id"]] = Option(row["title"], row.get("description", ""))
    return StepMessage(_text(interactive["body"]["text"]), choices or None)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
