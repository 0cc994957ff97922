"""Pieces of what gateways say of their requests (sessiond/core/gateways/described.py)."""

import pytest
from attrs import evolve
from jsonschema import Draft202012Validator

from sessiond.core.described import Body, Credential, Form
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.access import AccessSettings
from sessiond.core.gateways.described import (
    PHONE,
    Request,
    id_field,
    text_field,
    text_reply,
    with_access,
    with_signature,
)
from sessiond.core.gateways.fields import Fields

SETTINGS = AccessSettings(tokens=("0123456789abcdef",))
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
REQUEST = Request(
    summary="Dial",
    fields={"phone": PHONE, "text": text_field(10, "What was typed.")},
    needed=("phone",),
    example={"phone": "+233244123456", "text": "1"},
    media_types=(JSON, FORM),
    replies={200: text_reply("The screen.")},
)
VALUES = ["", "abc", "x" * 10, "x" * 11, "é", " a ", " ", 7, 0, -1, True, 1.5, None, [], {}]


@pytest.mark.parametrize("value", VALUES)
def test_a_text_is_described_as_it_is_read(value: object) -> None:
    """What ``Fields.text`` takes is what the schema lets in."""
    is_described = Draft202012Validator(text_field(10)).is_valid(value)
    try:
        Fields({"x": value}).text("x", longest=10)
    except InvalidInput:
        assert not is_described
    else:
        assert is_described


@pytest.mark.parametrize("value", VALUES)
def test_an_id_is_described_as_it_is_read(value: object) -> None:
    """What ``Fields.id`` takes; where it is needed, not an empty one."""
    is_described = Draft202012Validator(id_field(10)).is_valid(value)
    is_needed = Draft202012Validator(id_field(10, needed=True)).is_valid(value)
    try:
        read = Fields({"x": value}).id("x", longest=10)
    except InvalidInput:
        assert not is_described
        assert not is_needed
    else:
        assert is_described
        assert is_needed is bool(read)


def test_a_request_in_two_forms() -> None:
    """Null is a value of JSON alone; in a form nothing is a list."""
    operation = with_access(REQUEST, SETTINGS)["POST"]
    assert operation.body is not None
    null, listed = {"phone": "1", "text": None}, {"phone": "1", "other": [1]}
    lets_in = {
        kind: [Draft202012Validator(form.schema).is_valid(one) for one in (null, listed)]
        for kind, form in operation.body.forms.items()
    }

    assert {JSON: [True, True], FORM: [False, False]} == lets_in
    assert {200, 401, 413, 415} == set(operation.replies)
    assert ["gatewayToken"] == [one.name for one in operation.credentials]


def test_a_request_in_the_address() -> None:
    """The fields are parameters, with what the others say of them, and no type can be wrong."""
    operation = with_access(evolve(REQUEST, method="GET"), SETTINGS)["GET"]

    assert operation.body is None
    assert [("phone", True, ""), ("text", False, "What was typed.")] == [
        (one.name, one.required, one.says) for one in operation.parameters
    ]
    assert 415 not in operation.replies


def test_a_token_in_the_head() -> None:
    """It is said where it is."""
    (credential,) = with_access(REQUEST, SETTINGS, in_header=True)["POST"].credentials

    assert {"type": "http", "scheme": "bearer"} == credential.scheme


def test_an_open_account() -> None:
    """Nobody is asked who he is."""
    operation = with_access(REQUEST, AccessSettings(open=True))["POST"]

    assert () == operation.credentials
    assert 401 not in operation.replies


def test_a_signed_webhook() -> None:
    """The refusals in its own form, beside the acknowledgement."""
    signature = Credential("signature", {"type": "apiKey", "in": "header", "name": "x-signed"})
    done = text_reply("Done.")
    operation = with_signature(
        "Events", Body({JSON: Form("", {})}), signature, acknowledged=done, refused=403
    )

    assert {200, 403, 413, 415} == set(operation.replies)
    assert done == operation.replies[200]
    assert (signature,) == operation.credentials
    assert JSON in operation.replies[415].says
