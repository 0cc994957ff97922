"""Lengths on phone networks (sessiond/core/rendering/gsm.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.rendering import gsm
from sessiond.core.rendering.gsm import (
    PageLimits,
    cut_to_page,
    fits,
    fitting_end,
    is_gsm,
    septets,
    text_length,
)

FAMILY = "👨‍👩‍👧"  # five code points, eight UCS-2 units, one cluster
LIMITS = PageLimits(20, 9)
TEXTS = st.lists(
    st.sampled_from(["word", " ", "\n", "a", "{", "€", "é", "ç", "日", FAMILY, "e\u0301", "x" * 9])
).map("".join)


def test_the_alphabet_is_complete() -> None:
    """128 positions less the escape, and the ten of the extension table; nothing is in both."""
    assert 127 == len(gsm._BASIC)
    assert 10 == len(gsm._EXTENSION)
    assert not gsm._BASIC & gsm._EXTENSION


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Hello", 5),
        ("é à Ω £ ¿ Ñ\n", 12),
        ("{}", 4),
        ("10 €", 5),
        ("[^~|\\]\f", 14),
        ("ç", 1),  # only the capital is in the alphabet
        ("Ç", 1),
        ("Akwaaba ɔ {}", 12),  # one character makes a text UCS-2, where braces are no longer two
        ("😀", 2),
        (FAMILY, 8),
        ("`", 1),
    ],
)
def test_a_text_is_counted_as_the_network_does(text: str, length: int) -> None:
    """Septets with extension characters as two, or UCS-2 units with two beyond the first plane."""
    assert length == text_length(text)


def test_what_is_in_the_alphabet() -> None:
    """Typographic quotes, dashes, backquotes, tabs and emoji are not."""
    assert is_gsm("GHS 5.00 @ 10% (é) _ {ok}\r\n")
    assert not any(is_gsm(character) for character in "’“–…`\tçÁ📷\u00a0")


def test_limits_come_from_octets() -> None:
    """As many UCS-2 units as fit into the same octets: 70 for 160, as in an SMS."""
    assert 70 == PageLimits(160).units
    assert 61 == PageLimits(140).units
    assert 52 == PageLimits(120).units
    assert 80 == PageLimits(182, 80).units


@pytest.mark.parametrize(("many", "units"), [(0, 0), (-5, 1), (140, 71), (140, 0)])
def test_impossible_limits_are_refused(many: int, units: int) -> None:
    """A page has room, and in UCS-2 at most half as much."""
    with pytest.raises(InvalidInput):
        PageLimits(many, units)


def test_a_page_is_measured_by_the_alphabet_it_needs() -> None:
    """Twenty letters fit, ten braces fit, and nine units of anything else."""
    assert fits("x" * 20, LIMITS)
    assert not fits("x" * 21, LIMITS)
    assert fits("{" * 10, LIMITS)
    assert not fits("{" * 10 + "x", LIMITS)
    assert fits("ɔ" * 9, LIMITS)
    assert not fits("x" * 9 + "ɔ", LIMITS)


def test_a_page_may_end_before_the_character_that_would_shorten_it() -> None:
    """Text in the GSM alphabet is not cut at nine for an emoji that comes later."""
    assert 15 == fitting_end("x" * 15 + "😀", 0, LIMITS)
    assert 15 == fitting_end("ab" + "x" * 13 + "e\u0301", 0, LIMITS)


def test_a_cluster_is_never_torn() -> None:
    """Neither at the end of the room nor where the alphabet ends."""
    assert 5 == fitting_end("abcde" + FAMILY, 0, LIMITS)
    assert 4 == fitting_end("abcde\u0301fghijklm", 0, PageLimits(9, 4))
    assert 2 == fitting_end(FAMILY, 0, PageLimits(8, 3))  # longer than a page by itself


def test_room_for_not_even_one_character() -> None:
    """The tail takes all of it."""
    with pytest.raises(InvalidInput):
        fitting_end("abc", 0, LIMITS, "y" * 20)


@given(TEXTS, st.integers(0, 5), st.sampled_from(["", "\n\n# +", "\n# م"]))
def test_what_is_said_to_fit_does(text: str, start: int, tail: str) -> None:
    """Together with what comes behind it."""
    start = min(start, len(text))
    end = fitting_end(text, start, LIMITS, tail)

    assert fits(text[start:end] + tail, LIMITS)
    assert end > start or start == len(text)


@given(TEXTS)
def test_every_part_of_what_fits_fits(text: str) -> None:
    """Also when what is left is in the GSM alphabet and has many extension characters."""
    if fits(text, LIMITS):
        assert all(fits(text[:end], LIMITS) for end in range(len(text)))


@given(TEXTS)
def test_a_cut_text_is_one_page(text: str) -> None:
    """A text that fits stays as it is."""
    cut = cut_to_page(text, LIMITS)

    assert fits(cut, LIMITS)
    assert (cut == text) == fits(text, LIMITS)


def test_septets_of_extension_characters() -> None:
    """Each is escaped."""
    assert 8 == septets("{a}b|")
