"""Segments of SMS (sessiond/gateways/twilio/segments.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.gateways.twilio.segments import segments, split_sms


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😊" * 35, 1),
        ("😊" * 36, 2),
        ("😊" * 67, 3),
        ("x" * 100 + "’", 2),
    ],
)
def test_what_a_text_costs(text: str, count: int) -> None:
    """160 or 153 septets, 70 or 67 units; no character is in two segments."""
    assert count == segments(text)


@given(
    st.text(alphabet=st.sampled_from("ab €\nж😊’"), min_size=1, max_size=60).map(lambda t: t * 30),
    st.integers(1, 10),
)
def test_no_message_has_more_segments_than_allowed(text: str, count: int) -> None:
    """Nor more than Twilio's 1600 characters; nothing but blanks is lost."""
    found = list(split_sms(text, count, 1600))

    assert all(segments(one) <= count for one in found)
    assert all(len(one) <= 1600 for one in found)
    assert "".join(text.split()) == "".join("".join(found).split())


def test_a_text_that_fits_is_one_message() -> None:
    """Whatever it is made of."""
    assert ["x" * 1530] == list(split_sms("x" * 1530, 10, 1600))
    assert ["ж" * 670] == list(split_sms("ж" * 670, 10, 1600))
    assert [] == list(split_sms(" \n", 10, 1600))
