"""What operators see of values."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.session.phases import Phase
from sessiond.edges.admin.plain import redacted, to_plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, "true or false"),
        (1.5, "number"),
        ("abc", "text(3)"),
        (b"abc", "bytes(3)"),
        ([1, 2], "list(2)"),
        ({"a": {"b": "c"}}, {"a": {"b": "text(1)"}}),
        ({"+233 20 123 4567": 1, "a@b.c": 2}, {"text(16)#0": "number", "text(5)#1": "number"}),
        (date(2026, 1, 1), "date"),
    ],
)
def test_values_become_types_and_sizes(value: object, shown: object) -> None:
    """Keys stay, unless somebody could be called by them."""
    assert redacted(value) == shown


@given(st.recursive(st.text("xyz"), lambda inner: st.dictionaries(st.text("abc"), inner)))
def test_no_text_survives(value: object) -> None:
    """However deep, no value is shown."""
    assert not set(str(redacted(value)).replace("text", "")) & set("xyz")


def test_depth_is_bounded() -> None:
    """Tables in tables end somewhere."""
    value: object = "x"
    for _ in range(500):
        value = {"a": value}

    assert "table(1)" in str(redacted(value))


def test_plain_data() -> None:
    """Enums, tuples, sets and bytes become what JSON can say."""
    assert to_plain({Phase.AWAKE: (Phase.NEW, {1}, b"x")}) == {"awake": ["new", [1], "bytes(1)"]}
