"""What a request holds (sessiond/gateways/twilio/form.py)."""

import json

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.gateways.twilio.form import as_json, fields_of, read_pairs
from tests.gateways.twilio.webhooks import json_request, request


def test_a_form_is_read_with_blanks_and_empty_values() -> None:
    """They are signed too."""
    assert [("A", ""), ("B", " x "), ("C", "é")] == read_pairs(b"A=&B=+x+&C=%C3%A9")


@pytest.mark.parametrize("body", [b"\xff", b"A=%ff", b"&".join([b"A=1"] * 300)])
def test_what_is_no_form_is_none(body: bytes) -> None:
    """No UTF-8, or fields without end."""
    assert read_pairs(body) is None


def test_of_a_name_that_came_twice_the_first_counts() -> None:
    """It is signed by Twilio: refusing it would lose a message."""
    assert "1" == fields_of(request(b"A=1&A=2")).text("A", longest=9)


def test_json_has_the_same_names() -> None:
    """An object, its numbers taken for their digits."""
    assert "0" == fields_of(json_request({"NumMedia": 0})).text("NumMedia", longest=9)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b"A=1"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """A form where JSON is due, too."""
    with pytest.raises(InvalidInput, match=r"^twilio: "):
        fields_of(json_request(body))


def test_a_notice_has_all_fields() -> None:
    """As JSON, sorted."""
    assert {"A": "1", "B": ""} == json.loads(as_json(fields_of(request(b"B=&A=1"))))
