"""Step lists: their messages are data, so that what they show is known, as far as no function makes it."""

import ast
from collections.abc import Iterator

from sessiond.core.flow_check.platforms import Shown
from sessiond.core.flow_check.source import SourceFile
from sessiond.core.flow_check.words import Label, Words
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.prompts import Layout, Option
from sessiond.core.flows.steps import (
    CONFIRM,
    CONFIRM_ACTION,
    Step,
    StepMessage,
    StepType,
    message_of,
)

__all__ = ["check_step", "line_of_step", "msgids", "shown_by"]


def check_step(step: Step) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with a step's own message: code and sentence."""
    message = _message(step)
    if message is None or step.type is StepType.TEXT:
        return
    if not message.choices:
        yield "no-choices", f"step {step.id!r} is a {step.type} and has nothing to choose from"
    elif (
        step.id == CONFIRM
        and step.type is StepType.BUTTON
        and CONFIRM_ACTION not in message.choices
    ):
        yield (
            "unanswerable-step",
            f"step {CONFIRM!r} takes nothing but the button {CONFIRM_ACTION!r}, and has none of that id",
        )


def shown_by(step: Step) -> Shown | None:
    """Tell what a step shows; ``None``: a function makes it."""
    message = _message(step)
    if message is None:
        return None
    labels = [_label(label) for label in (message.choices or {}).values()]
    layout = {StepType.BUTTON: Layout.BUTTONS, StepType.LIST: Layout.LIST}.get(step.type)
    return Shown(Words(message.text, is_msgid=True), labels, layout or Layout.AUTO)


def msgids(step: Step) -> Iterator[str]:
    """List the texts of a step that are looked up in the catalogues."""
    shown = shown_by(step)
    if shown is None:
        return
    yield shown.words.text
    for label in shown.labels or ():
        yield from filter(None, (label.words.text, label.description.text))


def line_of_step(step: Step, file: SourceFile) -> int | None:
    """Find the call that made a step, by its id."""
    for node in ast.walk(file.tree):
        match node:
            case ast.Call(func=ast.Name(id="Step"), args=[ast.Constant(value=name), *_]):
                if name == step.id:
                    return node.lineno
            case ast.Call(func=ast.Name(id="Step"), keywords=named):
                if any(one.arg == "id" and _is(one.value, step.id) for one in named):
                    return node.lineno
            case _:
                pass
    return None


def _message(step: Step) -> StepMessage | None:
    if callable(step.message):
        return None
    try:
        return message_of(step, {})
    except FlowFailed:
        return None


def _label(label: str | Option) -> Label:
    if isinstance(label, Option):
        return Label(Words(label.label, is_msgid=True), Words(label.description, is_msgid=True))
    return Label(Words(label, is_msgid=True), Words(""))


def _is(node: ast.expr, value: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == value
