"""A provider's JSON, piece by piece (sessiond/core/gateways/pieces.py)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.gateways.pieces import (
    decoded,
    json_of,
    malformed,
    name_of,
    person_of,
    seconds_of,
)
from tests.gateways.whatsapp.webhooks import change, kinds, text, webhook


def test_a_kind_that_is_no_name_is_called_unknown() -> None:
    """Kinds become part of logs and counters: nobody chooses what stands there."""
    odd = text() | {"type": "a b\n" * 40}

    assert ["<unknown>"] == kinds(webhook(change(messages=[odd])))
    assert ["<unknown>"] == kinds(webhook(change() | {"field": "\x1b[31m"}))


@given(st.binary(max_size=60))
def test_a_notice_always_has_json(noise: bytes) -> None:
    """Whoever listens may decode it; what is no JSON is null."""
    msgspec.json.decode(malformed(noise).body)


def test_what_cannot_be_decoded_is_none() -> None:
    """Whether it is no JSON, of another type, not UTF-8 or nested without end."""
    assert 5 == decoded(b"5", int)
    assert [None] * 5 == [
        decoded(b, int) for b in (b"", b'"5"', b'"\xff"', b'"\\ud800"', b"[" * 100_000)
    ]
    assert b"null" == json_of(b'"\xff"')


@pytest.mark.parametrize("name", ["", " ", "a b", "a-b", "é", "x" * 65, "a\n"])
def test_what_is_no_name_is_unknown(name: str) -> None:
    """A name is made of letters, digits and underscores."""
    assert "unknown" == name_of(name)
    assert "request_welcome" == name_of("request_welcome")


def test_a_person_is_named_as_in_session_keys() -> None:
    """By the number in E.164, or the id of who has none; an impossible number is nobody's."""
    assert "+233241112223" == person_of("233241112223", "GH.1")
    assert "GH.1" == person_of(None, "GH.1") == person_of("0", "GH.1")
    assert "" == person_of("", None)


def test_times_are_digits() -> None:
    """As a text or as a number; nothing else, and no more than twelve of them."""
    assert 1739321024.0 == seconds_of("1739321024") == seconds_of(1739321024)
    assert [None] * 6 == [seconds_of(t) for t in (None, "", "1.5", "-1", "٢", "9" * 13)]
