"""Where screens are broken (sessiond/core/rendering/page_breaks.py)."""

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.rendering.gsm import PageLimits
from sessiond.core.rendering.page_breaks import break_pages
from sessiond.core.rendering.screens import Screen

LIMITS = PageLimits(40, 17)


def no_tail(_first: bool, _last: bool) -> str:
    return ""


def broken(text: str, choices: tuple[int, ...] = ()) -> list[str]:
    screen = Screen(text, choices)
    return [text[start:end] for start, end in break_pages(screen, LIMITS, no_tail)]


def menu(*labels: str, body: str = "Choose:") -> Screen:
    text, choices = body + "\n\n" if body else "", []
    for number, label in enumerate(labels, 1):
        choices.append(len(text))
        text += f"{number}. {label}\n"
    return Screen(text.rstrip("\n"), tuple(choices))


def test_a_text_that_fits_is_one_page() -> None:
    """Also an empty one."""
    assert ["x" * 40] == broken("x" * 40)
    assert [""] == broken("")
    assert [""] == broken(" \n ")


def test_a_page_is_full_when_a_blank_follows() -> None:
    """FlowChat's first rule: no earlier break is looked for."""
    assert ["one\n" + "x" * 36, "two"] == broken("one\n" + "x" * 36 + " two")


def test_a_line_end_is_better_than_a_blank() -> None:
    """In the last half of the page."""
    assert ["one two three four five six", "seven eight nine ten"] == broken(
        "one two three four five six\nseven eight nine ten"
    )


def test_fault_9_a_title_is_no_page() -> None:
    """A line end in the first half does not break a page: FlowChat showed the title alone."""
    first, *_ = broken("Title\n" + "word " * 20)

    assert "Title\nword word word word word word word" == first


def test_a_word_is_broken_only_where_there_is_no_blank() -> None:
    """A long one begins on a page of its own; longer than a page it is cut."""
    assert ["see", "x" * 38] == broken("see " + "x" * 38)
    assert ["x" * 40, "x" * 10] == broken("x" * 50)


def test_a_list_breaks_between_choices() -> None:
    """The last one that fits whole is the last one of its page, however many blanks come later."""
    screen = menu("Pay a bill", "Buy airtime", "Send money to a friend")

    assert ["Choose:\n\n1. Pay a bill\n2. Buy airtime", "3. Send money to a friend"] == broken(
        screen.text, screen.choices
    )


def test_a_choice_that_just_fits_stays() -> None:
    """Its line end is where the room ends."""
    screen = menu("x" * 28, "y", body="Pick:")  # 7 + 31 + 1

    assert 40 == len("Pick:\n\n1. " + "x" * 28) + 2
    assert ["Pick:\n\n1. " + "x" * 30, "2. y"] == broken(*_pair(menu("x" * 30, "y", body="Pick:")))
    assert screen.choices == (7, 39)


def test_a_choice_longer_than_a_page() -> None:
    """It is broken like a text, and those after it between each other again."""
    screen = menu("word " * 12 + "end", "next")

    assert [
        "Choose:",
        "1. word word word word word word word",
        "word word word word word end\n2. next",
    ] == broken(*_pair(screen))


def test_a_list_breaks_before_itself() -> None:
    """A text that fills its page is not taken apart for the first choice."""
    screen = menu("Yes", "No", body="x" * 40)

    assert ["x" * 40, "1. Yes\n2. No"] == broken(*_pair(screen))


def _pair(screen: Screen) -> tuple[str, tuple[int, ...]]:
    return screen.text, screen.choices


LABELS = st.lists(st.text("ab é{ɔ😀", min_size=1, max_size=6).map(str.strip), max_size=12)


@given(st.text("ab \né{ɔ😀", max_size=120), LABELS)
def test_only_blanks_are_left_out(body: str, labels: list[str]) -> None:
    """Pages follow each other, and between them there is nothing to read; no page is empty."""
    screen = menu(*labels, body=body)
    pages = break_pages(screen, LIMITS, no_tail)
    edges = [0, *(edge for page in pages for edge in page), len(screen.text)]

    assert sorted(edges) == edges
    gaps = zip(edges[::2], edges[1::2], strict=True)
    assert not any(screen.text[start:end].strip() for start, end in gaps)
    assert all(start < end for start, end in pages) or not screen.text.strip()


@given(LABELS)
def test_no_choice_is_torn(labels: list[str]) -> None:
    """When each has room on a page."""
    screen = menu(*labels, body="?")
    shown = [
        line
        for start, end in break_pages(screen, LIMITS, no_tail)
        for line in screen.text[start:end].split("\n")
    ]

    assert [f"{n}. {label}".rstrip() for n, label in enumerate(labels, 1)] == [
        line.rstrip() for line in shown if line not in {"?", ""}
    ]
