"""Step lists as data (sessiond/core/flow_check/step_lists.py)."""

from __future__ import annotations

from typing import Any

import pytest

from sessiond.core.flow_check.step_lists import check_step, msgids, shown_by
from sessiond.core.flows.prompts import Option
from sessiond.core.flows.steps import Step, StepMessage, StepType
from tests.core.flow_check.checking import check, said

BUTTON, LIST, TEXT = StepType.BUTTON, StepType.LIST, StepType.TEXT


def found(step: Step) -> list[str]:
    return [code for code, _ in check_step(step)]


def message(*choices: str) -> StepMessage:
    return StepMessage("?", {name: name.title() for name in choices})


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        (Step("a", BUTTON, "?"), ["no-choices"]),
        (Step("a", LIST, StepMessage("?", {})), ["no-choices"]),
        (Step("a", TEXT, "?"), []),
        (Step("a", BUTTON, message("x")), []),
        (Step("confirm", BUTTON, message("yes", "no")), ["unanswerable-step"]),
        (Step("confirm", BUTTON, message("confirm_action", "no")), []),
        (Step("confirm", LIST, message("yes")), []),
        (Step("a", BUTTON, lambda _: "?"), []),
        (Step("a", BUTTON, {"nonsense": 1}), []),
    ],
)
def test_a_step_that_cannot_be_answered_is_found(step: Step, codes: list[str]) -> None:
    """As far as its message is known."""
    assert codes == found(step)


def test_what_a_step_shows_is_known() -> None:
    """Except where a function makes it."""
    shown = shown_by(Step("a", LIST, StepMessage("Pick", {"x": "X", "y": Option("Y", "why")})))

    assert shown is not None
    assert shown.labels is not None
    assert ["X", "Y"] == [label.words.text for label in shown.labels]
    assert shown_by(Step("a", TEXT, lambda _: "?")) is None


def test_every_text_of_a_step_is_a_sentence() -> None:
    """As the engine looks them up."""
    step = Step("a", LIST, StepMessage("Pick", {"x": "X", "y": Option("Y", "why")}))

    assert ["Pick", "X", "Y", "why"] == list(msgids(step))
    assert [] == list(msgids(Step("a", TEXT, lambda _: "?")))


LISTED = """
    from sessiond import Step, StepMessage, StepType, flow_of_steps
    from sessiond.core.flows.translations import Translations

    STEPS = [
        Step("amount", StepType.TEXT, "What amount?"),
        Step(id="who", type=StepType.BUTTON, message=StepMessage("?", {"x": "Somebody whom I know"})),
        Step("sure", StepType.BUTTON, "Sure?"),
        *[Step(name, StepType.TEXT, "?") for name in ("p", "q")],
    ]

    async def thanks(c, data):
        await c.ask("more", "?")
        await c.ask("more", "?")

    offer = flow_of_steps("offer", STEPS, thanks, translations=Translations({"fr": {}}))
    """


def test_findings_of_a_step_are_on_its_line() -> None:
    """Those of what comes after the last one as well."""
    lines: dict[str, set[Any]] = {}
    for line, code in said(LISTED.replace("Somebody whom I know", "Somebody whom I know well"),
                           platforms=["whatsapp"]):  # fmt: skip
        lines.setdefault(code, set()).add(line)

    assert {5, 6, 7, 15} == lines["missing-translation"]
    assert ({6}, {7}, {13}) == (lines["cut-label"], lines["no-choices"], lines["repeated-key"])


def test_steps_that_fit_have_no_findings() -> None:
    """The label has exactly 20 characters."""
    source = LISTED.replace(', translations=Translations({"fr": {}})', "")
    source = source.replace('StepType.BUTTON, "Sure?"', 'StepType.TEXT, "Sure?"')
    source = source.replace('await c.ask("more", "?")\n', "", 1)

    assert [] == check(source, platforms=["whatsapp", "ussd"])
