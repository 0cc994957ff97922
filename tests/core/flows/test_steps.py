"""Step lists: the Flow Framework's steps on the same engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow import Busy
from sessiond.core.flows.prompts import Layout, Option, PromptKind
from sessiond.core.flows.steps import Step, StepMessage, StepType, flow_of_steps
from sessiond.core.flows.translations import Translations
from tests.core.flows.playing import begin, body, messages, play, rebuild, said
from tests.core.flows.remembering import Server

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation

AMOUNT = re.compile(r"(?:(USD|ZWG|XAU|CAD) )?(\d+)(?: (USD|ZWG|XAU|CAD)| \((USD)\))?")


def valid_amount(text: str) -> bool:
    found = AMOUNT.fullmatch(text)
    if found is not None and int(found[2]) == 0:
        raise ValueError("The amount must be more than 0.")
    return found is not None


def amount(text: str) -> dict[str, object]:
    found = AMOUNT.fullmatch(text)
    assert found is not None
    return {"amount": int(found[2]), "denom": found[1] or found[3] or "USD"}


def confirmation(data: Any) -> dict[str, Any]:
    """The message as the bot made it for WhatsApp."""
    offer = data["amount"]
    return {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": f"Offer {offer['amount']} {offer['denom']} to {data['handle']}?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "confirm_action", "title": "Confirm"}},
                    {"type": "reply", "reply": {"id": "cancel_action", "title": "Cancel"}},
                ]
            },
        },
    }


STEPS = [
    Step("amount", StepType.TEXT, "What amount?", valid_amount, amount),
    Step(
        "handle",
        StepType.TEXT,
        {"type": "text", "text": {"body": "Whose handle?"}},
        lambda handle: re.fullmatch(r"[A-Za-z0-9_]+", handle) is not None,
    ),
    Step("confirm", StepType.BUTTON, confirmation, lambda _: False),
]


async def offered(c: Conversation, data: dict[str, Any]) -> None:
    await c.say(f"Offered {data['amount']['amount']} to {data['handle']}.")


OFFER = flow_of_steps("test", STEPS, offered)


def test_the_offer_of_the_reference_plays_as_it_did() -> None:
    """Amount, handle, confirm; the messages may be texts, WhatsApp maps or functions."""
    live, output = begin(OFFER)
    assert "What amount?" == body(output)
    output = live.answer(said("100 (USD)"))
    assert "Whose handle?" == body(output)
    output = live.answer(said("tariro_m"))
    assert "Offer 100 USD to tariro_m?" == body(output)
    assert output.prompt is not None
    assert (PromptKind.CHOICE, Layout.BUTTONS) == (output.prompt.kind, output.prompt.layout)

    output = live.answer(Answer(choice="confirm_action"))

    assert ["Offered 100 to tariro_m."] == messages(output)


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (["ten"], "Invalid input"),
        (["0"], "The amount must be more than 0."),
        (["100", "not a handle"], "Invalid input"),
        (["100", "ama", "cancel"], "Invalid input"),
        (["100", "ama", "2"], "Invalid input"),
        (["100", "ama", "maybe"], "Invalid selection:"),
    ],
)
def test_a_refused_input_asks_again(texts: list[str], error: str) -> None:
    """A validator's own text is shown; a confirm step takes nothing but its button, whatever its validator says."""
    live, output = play(OFFER, *texts)

    assert output.prompt is not None
    assert error == output.prompt.error
    assert output.rejected
    assert len(texts) - 1 == len(live.record.entries)


@pytest.mark.parametrize("text", ["confirm", "1", "CONFIRM_ACTION"])
def test_a_typed_title_counts_as_the_button(text: str) -> None:
    """On media without buttons people type."""
    assert ["Offered 5 to ama."] == messages(play(OFFER, "5", "ama", text)[1])


def test_buttons_and_rows_reach_validators_as_whatsapp_sends_them() -> None:
    """Validators and transformers of the bot work unchanged."""
    seen: list[object] = []

    def look(raw: object) -> bool:
        seen.append(raw)
        return True

    rows = {
        "interactive": {
            "type": "list",
            "body": {"text": "Which offer?"},
            "action": {
                "sections": [
                    {"title": "Open", "rows": [{"id": "o1", "title": "10", "description": "to A"}]},
                    {"title": "Old", "rows": [{"id": "o2", "title": "20"}]},
                ]
            },
        }
    }
    flow = flow_of_steps(
        "test",
        [
            Step("go", StepType.BUTTON, StepMessage("Go?", {"go": "Go", "no": "No"}), look),
            Step("offer", StepType.LIST, rows, look, lambda raw: raw["interactive"]["list_reply"]),
        ],
        lambda c, data: c.say(data["offer"]["id"]),
    )
    live, output = play(flow, "go")
    assert output.prompt is not None
    assert Layout.LIST == output.prompt.layout
    assert [("o1", "to A"), ("o2", "")] == [
        (choice.key, choice.description) for choice in output.prompt.choices
    ]

    assert ["o2"] == messages(live.answer(said("20")))
    assert [
        {"interactive": {"type": "button_reply", "button_reply": {"id": "go", "title": "Go"}}},
        {"interactive": {"type": "list_reply", "list_reply": {"id": "o2", "title": "20"}}},
    ] == seen


def test_a_step_list_is_rebuilt_like_any_flow() -> None:
    """Nothing of it lives in memory alone."""
    live, _ = play(OFFER, "USD 7", "ama")
    live, nothing = rebuild(live, OFFER)

    assert nothing is None
    assert "Offer 7 USD to ama?" == body(live.remind())


def test_a_failing_step_rolls_the_turn_back() -> None:
    """The step is not skipped and its data not half-written (the reference's faults): it asks again."""
    broken = [True]

    def message(data: Any) -> str:
        if broken:
            raise KeyError("secret")
        return f"Next, after {data['one']}?"

    flow = flow_of_steps(
        "test", [Step("one", StepType.TEXT, "One?"), Step("two", StepType.TEXT, message)]
    )
    live, _ = begin(flow)
    with pytest.raises(FlowFailed, match=r"test_steps.py:\d+: the flow raised KeyError"):
        live.answer(said("x"))
    broken.clear()
    live, _ = rebuild(live, flow)

    assert "One?" == body(live.remind())
    assert "Next, after x?" == body(live.answer(said("x")))


def test_a_list_may_change_while_people_are_in_it() -> None:
    """A new step is asked, answers by step id are kept."""
    live, _ = play(OFFER, "5", "ama")
    note = Step("note", StepType.TEXT, "A note?")
    longer = flow_of_steps("test", [note, *STEPS], offered)
    live, output = rebuild(live, longer)
    assert "A note?" == body(output)

    assert "Offer 5 USD to ama?" == body(live.answer(said("for you")))


def test_a_list_without_a_last_word_ends_as_flows_do() -> None:
    """Nothing was said: FlowChat's sentence."""
    flow = flow_of_steps("test", [Step("one", StepType.TEXT, "One?")])

    assert ["Unexpected end of flow."] == messages(play(flow, "x")[1])


@pytest.mark.parametrize("steps", [[], [STEPS[0], STEPS[0]]], ids=["none", "twice"])
def test_a_list_that_cannot_work_is_refused_when_it_is_made(steps: list[Step]) -> None:
    """No steps, or two of one id."""
    with pytest.raises(InvalidInput):
        flow_of_steps("test", steps)


@pytest.mark.parametrize(
    "step",
    [
        Step("one", StepType.BUTTON, "No buttons?"),
        Step("one", StepType.TEXT, {"type": "text"}),
        Step("one", StepType.TEXT, {"text": {"body": 7}}),
        Step("one", StepType.TEXT, lambda _: None),  # type: ignore[arg-type, return-value]
        Step("one", StepType.LIST, {"interactive": {"body": {"text": "x"}}}),
        Step("one", StepType.LIST, {"interactive": {"body": {"text": "x"}, "action": {"sections": [{}]}}}),
    ],
    ids=["no choices", "no text", "text is a number", "nothing", "no action", "no rows"],
)  # fmt: skip
def test_a_message_of_the_wrong_shape_names_its_step(step: Step) -> None:
    """Whoever wrote the list reads which step is wrong."""
    with pytest.raises(FlowFailed, match="step 'one'"):
        begin(flow_of_steps("test", [step]))


def test_a_validator_that_raises_need_not_return() -> None:
    """Nothing returned is accepted, as from Python functions that raise on bad input."""

    def check(text: str) -> None:
        if text != "good":
            raise ValueError("Not good.")

    flow = flow_of_steps("test", [Step("one", StepType.TEXT, "One?", check)])
    assert "Not good.\n\nOne?" == body(play(flow, "bad")[1])
    live, _ = play(flow, "good")

    assert {"one": "good"} == live.record.answers()


def test_a_validator_that_returns_no_bool_is_named() -> None:
    """Anything else is a mistake of the author."""
    odd: Any = str
    flow = flow_of_steps("test", [Step("one", StepType.TEXT, "One?", odd)])

    with pytest.raises(FlowFailed, match="validator of step 'one' returned a str, neither"):
        play(flow, "x")


def test_a_step_list_has_the_policies_of_every_flow() -> None:
    """Whatever ``App.flow`` knows."""
    flow = flow_of_steps(
        "f",
        [Step("one", StepType.TEXT, "?")],
        busy=Busy.QUEUE,
        on_expire="Too late.",
        question_after_error=False,
    )

    assert (Busy.QUEUE, "Too late.", False) == (
        flow.busy,
        flow.on_expire,
        flow.question_after_error,
    )


def test_messages_of_steps_are_translated() -> None:
    """Texts, labels and descriptions, in each form a message has; what no catalogue has stays."""
    words = Translations(
        {"fr": {"What amount?": "Quel montant ?", "Send": "Envoyer", "At once": "Vite", "To": "À"}}
    )
    steps = [
        Step("amount", StepType.TEXT, "What amount?"),
        Step(
            "how", StepType.LIST, StepMessage("How?", {"s": "Send", "t": Option("To", "At once")})
        ),
    ]
    server = Server(flow_of_steps("test", steps, translations=words))
    assert "Quel montant ?" == body(server.start(language="fr"))
    output = server.say("3")

    assert output.prompt is not None
    choices = [(choice.label, choice.description) for choice in output.prompt.choices]
    assert ("How?", [("Envoyer", ""), ("À", "Vite")]) == (output.prompt.text, choices)


def test_a_list_of_steps_says_where_it_was_made() -> None:
    """For whoever checks it: its function is the engine's."""
    flow = flow_of_steps("test", [Step("a", StepType.TEXT, "A?")], offered)

    assert flow.made_at.rpartition(":")[0].endswith("test_steps.py")
    assert (["a"], offered) == ([step.id for step in flow.steps], flow.complete)
