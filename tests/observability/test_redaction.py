"""Redaction of log fields."""

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiond.observability.redaction import MAX_TEXT, MAX_TRACEBACK, redact

TOKEN = jwt.encode({"sub": "ada"}, "k" * 32, algorithm="HS256")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_secret_names_hide_whatever_they_hold() -> None:
    """Also nested, and also when the value looks harmless."""
    assert redact({"verify_token": "x", "headers": {"Cookie": "a=b", "host": "h"}, "n": 1}) == {
        "verify_token": "[hidden]",
        "headers": {"Cookie": "[hidden]", "host": "h"},
        "n": 1,
    }


def test_bytes_are_shown_as_their_number() -> None:
    """A payload that is logged by accident stays out of the log."""
    assert redact({"body": b"abc", "view": memoryview(b"abcd")}) == {
        "body": "[3 bytes]",
        "view": "[4 bytes]",
    }


def test_long_texts_are_cut() -> None:
    """A message keeps its beginning, a traceback its end."""
    shown = redact({"event": "a" * 10_000 + "b", "exception": "a" + "b" * 100_000})

    assert shown["event"] == "a" * MAX_TEXT + "…"
    assert shown["exception"] == "…" + "b" * MAX_TRACEBACK


def test_a_token_across_the_cut_is_masked() -> None:
    """Masking comes before cutting."""
    shown = redact({"event": "a" * (MAX_TEXT - 30) + " " + TOKEN})

    assert str(shown["event"]).endswith("[token]")


def test_an_object_that_cannot_be_printed_costs_nothing_but_its_text() -> None:
    """Its class is shown instead."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert redact({"thing": Broken()}) == {"thing": "[Broken]"}


def test_deep_and_long_structures_are_bounded() -> None:
    """A list that holds itself ends, and of many items some are shown."""
    endless: list[object] = []
    endless.append(endless)

    assert redact({"x": endless}) == {"x": [[[["[…]"]]]]}
    shown = redact({"x": list(range(1000))})["x"]
    assert isinstance(shown, list)
    assert len(shown) == 50


@settings(max_examples=30)
@given(fields=st.dictionaries(st.text(), JSON, max_size=4))
def test_whatever_is_logged_redaction_does_not_fail(fields: dict[str, object]) -> None:
    """Any JSON-like value and bytes come out as plain values under the same names."""
    assert redact(fields).keys() == fields.keys()
