"""What an app asks for is looked at where it asks, so that the traceback ends in its own line."""

import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import Message
from sessiond.core.gateways.port import Template
from sessiond.core.session.outcome import SendRequest, StartRequest

NO_TEXT = cast("Any", 233244123456)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: SendRequest("shop", NO_TEXT), "to= is a text, not int"),
        (lambda: SendRequest(NO_TEXT, ""), "via= is a text, not int"),
        (lambda: SendRequest("", "", (Message(NO_TEXT),)), "a message is a text, not int"),
        (
            lambda: SendRequest("", "", reference="order 7"),
            "a reference is 1 to 64 of A-Z a-z 0-9 _ . : -",
        ),
        (
            lambda: SendRequest("", "", reference="7" * 65),
            "a reference is 1 to 64 of A-Z a-z 0-9 _ . : -",
        ),
        (
            lambda: SendRequest("", "", reference=NO_TEXT),
            "a reference is 1 to 64 of A-Z a-z 0-9 _ . : -",
        ),
        (
            lambda: SendRequest("", "", template=Template(name="", language="en")),
            "a template needs a name, as the provider has it",
        ),
        (
            lambda: SendRequest("", "", template=Template(name="ready", language="")),
            "a template needs a language, as the provider has it",
        ),
        (
            lambda: SendRequest(
                "",
                "",
                template=Template(name="ready", language="en", parameters={"order": NO_TEXT}),
            ),
            "parameter 'order' of a template is a text, not int",
        ),
        (lambda: StartRequest(NO_TEXT, ""), "flow= is a text, not int"),
        (lambda: StartRequest("rate", "", NO_TEXT), "to= is a text, not int"),
    ],
    ids=[
        "to",
        "via",
        "message",
        "blank",
        "long",
        "number",
        "name",
        "language",
        "parameter",
        "flow",
        "to of a flow",
    ],
)
def test_what_cannot_be_asked_for(make: Callable[[], object], problem: str) -> None:
    """It says what is wrong, and repeats nothing of what it was given."""
    with pytest.raises(InvalidInput, match=f"^{re.escape(problem)}$"):
        make()


def test_what_can_be_asked_for() -> None:
    """Texts, or nothing at all."""
    template = Template(name="ready", language="en", parameters={"order": "7"})

    assert template == SendRequest("shop", "+233244123456", template=template).template
    assert "" == SendRequest("", "", (Message("Ready."),)).to
    assert "rate" == StartRequest("rate", "websocket").flow
