"""Where texts are cut (sessiond/core/rendering/cutting.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.rendering.cutting import (
    Measure,
    code_points,
    cut,
    fitting_start,
    split_text,
    utf8_bytes,
    utf16_units,
)

FAMILY = "👨‍👩‍👧"  # five code points, one cluster
FLAG = "🇬🇭"
MEASURES = [code_points, utf16_units, utf8_bytes]
#: Words, blanks and clusters in every mixture, rather than noise.
TEXTS = st.lists(
    st.sampled_from(
        ["word", " ", "\n", "\n\n", " \n \n", "a", FAMILY, FLAG, "e\u0301", "  ", "x" * 30]
    )
).map("".join)


def inked(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Check balance", "Check balance"),
        ("x" * 24, "x" * 24),
        ("Transfer balances to a friend", "Transfer balances to..."),
        ("Transfer money to me and you", "Transfer money to me..."),
    ],
)
def test_a_title_is_cut_to_its_room(text: str, expected: str) -> None:
    """FlowChat's rule: the limit less three, then three dots; a blank before them goes."""
    assert expected == cut(text, 24)


def test_a_cluster_is_never_torn() -> None:
    """A flag, a family or an accented letter at the edge is left out as a whole."""
    assert "ab..." == cut(f"ab{FAMILY}cdefgh", 8)
    assert "abcd..." == cut(f"abcd{FLAG}efgh", 8)
    assert "abcd..." == cut("abcde\u0301fghij", 8)


def test_a_cluster_that_is_too_long_by_itself_is_torn() -> None:
    """There is always something to show: a letter under two hundred accents does not make a title empty."""
    piled = "e" + "\u0301" * 200

    assert 20 == len(cut(piled, 20))


def test_no_room_for_the_ending() -> None:
    """A limit below the ending's length keeps the beginning of the text."""
    assert "ab" == cut("abcdef", 2)


@given(TEXTS, st.integers(1, 40), st.sampled_from(MEASURES))
def test_what_is_cut_fits(text: str, limit: int, measure: Measure) -> None:
    """By whatever measure, the result is no longer than allowed."""
    assert measure(cut(text, limit, measure=measure)) <= limit
    assert measure(text[: fitting_start(text, limit, measure)]) <= limit


def test_a_text_is_split_at_a_paragraph_then_a_line_then_a_word() -> None:
    """The best break of the last half is taken, however many worse ones come after it."""
    assert ["one two\nthree", "four five"] == split_text("one two\nthree\n\nfour five", 20)
    assert ["one two three", "four five"] == split_text("one two three\nfour five", 20)
    assert ["one two three four", "five six"] == split_text("one two three four five six", 20)
    assert ["x" * 20, "x" * 5] == split_text("x" * 25, 20)


def test_a_title_is_no_piece_of_its_own() -> None:
    """Fault 9: a line end right after a short title is not where a long text breaks."""
    first, *_ = split_text("Title\n" + "word " * 30, 100)

    assert len(first) > 80


def test_the_last_piece_may_have_less_room() -> None:
    """What goes with buttons is short; it gets as much as it can hold, from a good break on."""
    text = "A" * 50 + "\n\n" + "B" * 20 + "\n\n" + "C" * 20

    assert ["A" * 50, "B" * 20 + "\n\n" + "C" * 20] == split_text(text, 100, last=60)
    assert ["A" * 50 + "\n\n" + "B" * 20, "C" * 20] == split_text(text, 100, last=30)


@given(TEXTS, st.integers(4, 60), st.integers(4, 60), st.sampled_from(MEASURES))
def test_splitting_loses_nothing(text: str, limit: int, last: int, measure: Measure) -> None:
    """Every character but blanks is in exactly one piece, in order; no piece is too long or empty."""
    found = split_text(text, limit, last=last, measure=measure)

    assert inked(text) == inked("".join(found))
    assert all(0 < measure(piece) <= limit for piece in found)
    assert not found or measure(found[-1]) <= last
    assert all(piece == piece.strip() for piece in found)


def test_a_text_of_blanks_has_no_pieces() -> None:
    """There is nothing to say."""
    assert [] == split_text(" \n\t ", 10)


@pytest.mark.parametrize(
    ("text", "limit", "last"), [("a", 0, None), ("a", 5, 0), ("😀😀", 1, None), ("a😀", 9, 1)]
)
def test_an_impossible_limit_is_refused(text: str, limit: int, last: int | None) -> None:
    """Splitting into nothing would never end."""
    with pytest.raises(InvalidInput):
        split_text(text, limit, last=last, measure=utf16_units)


def test_measures() -> None:
    """An emoji beyond the first plane is one code point, two UTF-16 units and four bytes."""
    assert (1, 2, 4) == (code_points("😀"), utf16_units("😀"), utf8_bytes("😀"))
    assert (1, 1, 2) == (code_points("é"), utf16_units("é"), utf8_bytes("é"))


def test_long_runs_of_blanks_cost_little() -> None:
    """Ten thousand blanks or line ends in a row are passed over once."""
    for filling in (" ", "\n", " \n"):
        assert ["a", "b"] == split_text("a" + filling * 10_000 + "b", 4096)
