"""What a conversation shows, as the application reads it."""

import pytest

from sessiond_client import Choice, Message, Prompt, Shown

ASKED = {
    "conversation": "order:::websocket:c0ffee",
    "flow": "order",
    "messages": [{"text": "Hello!", "media": {"kind": "image", "url": "https://x.test/a.png"}}],
    "prompt": {
        "kind": "choice",
        "key": "size",
        "screen": "7:0:0",
        "text": "What size?",
        "choices": [
            {"key": "s", "label": "Small", "number": 1},
            {"key": "l", "label": "Large", "number": 2, "description": "for two"},
        ],
    },
}


def test_a_question_is_read() -> None:
    """Messages, the question and its choices come as values; what the server leaves out has its default."""
    shown = Shown.read(ASKED)

    assert shown.flow == "order"
    assert shown.messages == (Message("Hello!", {"kind": "image", "url": "https://x.test/a.png"}),)
    assert shown.prompt == Prompt(
        kind="choice",
        key="size",
        screen="7:0:0",
        text="What size?",
        choices=(Choice("s", "Small", 1), Choice("l", "Large", 2, "for two")),
    )
    assert (shown.end, shown.rejected, shown.pending, shown.failed) == (None, False, False, False)


def test_the_end_of_a_conversation_is_read() -> None:
    """How it ended, and what the flow returned."""
    shown = Shown.read({"messages": [], "end": "returned", "result": {"ref": 7}})

    assert (shown.end, shown.result, shown.prompt) == ("returned", {"ref": 7}, None)


@pytest.mark.parametrize("flag", ["rejected", "restarted", "pending", "busy", "queued", "failed"])
def test_flags_are_read(flag: str) -> None:
    """Each is what the server said, and nothing else is."""
    shown = Shown.read({flag: True})

    assert getattr(shown, flag) is True
    assert Shown.read({}) != shown


def test_as_text_it_is_what_a_person_reads() -> None:
    """Messages, question and numbered choices, with a blank line between each two."""
    assert Shown.read(ASKED).text == "Hello!\n\nWhat size?\n\n1. Small\n2. Large"


@pytest.mark.parametrize(
    ("repeats", "text"), [(True, "No such size.\n\nWhat size?"), (False, "No such size.")]
)
def test_an_error_stands_above_its_question(repeats: bool, text: str) -> None:
    """Or alone, where the flow wants it so."""
    prompt = {"kind": "text", "key": "size", "screen": "7:0:0", "text": "What size?"}
    shown = Shown.read({"prompt": {**prompt, "error": "No such size.", "repeats": repeats}})

    assert shown.text == text


@pytest.mark.parametrize(
    "payload", [{}, {"messages": "x", "prompt": 7, "end": 1, "pending": "yes", "news": {}}]
)
def test_what_is_not_understood_shows_nothing(payload: dict) -> None:
    """A server of another version does not break its clients."""
    assert Shown.read(payload) == Shown()
    assert Shown.read(payload).text == ""


def test_what_people_say_is_not_in_a_repr() -> None:
    """Logs of an application hold keys and kinds, not texts."""
    told = repr(Shown.read(ASKED)) + repr(Shown.read({"end": "returned", "result": "secret"}))

    assert "Hello" not in told
    assert "Small" not in told
    assert "secret" not in told
