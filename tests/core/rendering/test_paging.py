"""Turning pages (sessiond/core/rendering/paging.py)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import Choice, Message, Output, Prompt, PromptKind
from sessiond.core.rendering.gsm import PageLimits, fits
from sessiond.core.rendering.paging import (
    Navigation,
    Page,
    Paging,
    check_room,
    first_page,
    page_shown,
    turn_page,
)
from sessiond.core.rendering.screens import Screen, screen_of

LIMITS = PageLimits(140)
OPTIONS = "\n\n# More\n0 Back"
LETTERS = "".join(chr(ord("a") + n % 26) for n in range(600))
WORDS = "word " * 100


def all_pages(
    screen: Screen, *, is_terminal: bool = False, limits: PageLimits = LIMITS
) -> list[Page]:
    """Show the screen and type ``#`` to its end."""
    pages = [first_page(screen, limits, is_terminal=is_terminal)]
    while (paging := pages[-1].paging) is not None and paging.has_next:
        turned = turn_page(paging, "#")
        assert turned is not None
        pages.append(turned)
    return pages


def content(page: Page) -> str:
    """Give the text of a page without its options."""
    return page.text.removesuffix("\n0 Back").removesuffix("\n\n# More").removesuffix("\n")


def menu(count: int) -> Screen:
    choices = tuple(Choice(str(n), f"Choice number {n}", n) for n in range(1, count + 1))
    asked = Prompt(kind=PromptKind.CHOICE, key="k", screen="1", text="Choose:", choices=choices)
    return screen_of(Output(prompt=asked))


def paging_of(page: Page | None) -> Paging:
    assert page is not None
    assert page.paging is not None
    return page.paging


def test_flowchats_numbers() -> None:
    """With pages of 140: 132 characters beside one option, 125 beside both; every full page is 140 long."""
    pages = all_pages(Screen(LETTERS))

    assert [132, 125, 125, 125, 93] == [len(content(page)) for page in pages]
    assert [140, 140, 140, 140, 101] == [len(page.text) for page in pages]
    assert pages[0].text == LETTERS[:132] + "\n\n# More"
    assert pages[1].text == LETTERS[132:257] + OPTIONS
    assert pages[-1].text == LETTERS[507:] + "\n\n0 Back"
    assert [(n, 5) for n in range(1, 6)] == [(page.number, page.total) for page in pages]


def test_a_screen_that_fits_has_no_options() -> None:
    """Exactly a page, and nothing is kept of it."""
    for is_terminal in (False, True):
        page = first_page(Screen("x" * 140), LIMITS, is_terminal=is_terminal)

        assert "x" * 140 == page.text
        assert is_terminal == page.ends
        assert page.paging is None


def test_words_are_not_broken() -> None:
    """FlowChat: a page breaks after the last blank that fits."""
    first, *_ = all_pages(Screen(WORDS))

    assert "word " * 25 + "word" == content(first)[:129]
    assert 129 == len(content(first))


def test_a_page_with_another_alphabet_is_shorter() -> None:
    """140 characters are wrong for texts that need UCS-2: those pages have 61 units, others of the same text 140."""
    pages = all_pages(Screen("x " * 100 + "ɔ " * 100))

    assert len(pages[0].text) > 135
    assert all(len(page.text) <= 61 for page in pages[2:])
    assert all(fits(page.text, LIMITS) for page in pages)


def test_a_list_of_eleven_choices_keeps_its_numbers() -> None:
    """Pages break between choices, and the numbers go on."""
    pages = all_pages(menu(11))

    assert content(pages[0]).endswith("\n6. Choice number 6")
    assert content(pages[1]).startswith("7. Choice number 7\n")
    assert content(pages[1]).endswith("11. Choice number 11")


def test_5000_characters_are_forty_pages() -> None:
    """Each of them can be reached, and what is kept is hardly more than the text."""
    pages = all_pages(Screen("word " * 1000))

    assert 40 == len(pages)
    assert len(msgspec.json.encode(pages[20].paging)) < 5_700


def test_fault_8_a_final_text_ends_with_its_last_page() -> None:
    """The session of the provider stays open until then; the last page has no options, and nothing is kept after it."""
    pages = all_pages(Screen(WORDS), is_terminal=True)

    assert [False] * (len(pages) - 1) + [True] == [page.ends for page in pages]
    assert [True] * (len(pages) - 1) + [False] == [page.paging is not None for page in pages]
    assert "# More" not in pages[-1].text
    assert "0 Back" not in pages[-1].text


def test_a_question_never_ends_a_session() -> None:
    """Its last page can be left backwards."""
    assert not any(page.ends for page in all_pages(menu(30)))
    assert all(page.paging is not None for page in all_pages(menu(30)))


def test_after_the_end_anything_shows_the_page_again() -> None:
    """Nobody waits for an answer; the options of the page still turn it."""
    paging = paging_of(first_page(Screen(WORDS), LIMITS, is_terminal=True))

    for typed in ("", "0", "hello", "1"):
        assert page_shown(paging) == turn_page(paging, typed)
    second = turn_page(paging, "#")
    assert second is not None
    assert page_shown(paging) == turn_page(paging_of(second), "0")


def test_fault_9_a_title_is_not_a_page() -> None:
    """``Title`` and a long text: FlowChat's first page was the title alone."""
    first, *_ = all_pages(Screen("Title\n" + LETTERS[:100].replace("e", " ") + WORDS))

    assert len(content(first)) > 120


def test_fault_10_options_are_answers_where_they_are_not_shown() -> None:
    """An amount of 0 on the first page and ``#`` on the last one are what the flow asked for."""
    first, second, *_, last = all_pages(menu(30))

    assert turn_page(paging_of(first), "0") is None
    assert turn_page(paging_of(last), "#") is None
    assert turn_page(paging_of(second), "0") == first
    assert turn_page(paging_of(second), "0").text == first.text  # type: ignore[union-attr]


def test_fault_11_a_number_goes_to_the_flow_as_typed() -> None:
    """There is no table of choices that could outlive its screen: only text, numbers and options are kept."""
    paging = paging_of(first_page(menu(30), LIMITS))

    assert all(turn_page(paging, str(n)) is None for n in range(1, 31))
    assert {"text", "pages", "at", "is_terminal", "navigation"} == set(Paging.__struct_fields__)


def test_fault_17_paging_is_kept_as_checked_json() -> None:
    """No code can hide in it; what is damaged is refused rather than shown."""
    paging = paging_of(all_pages(menu(30))[1])
    stored = msgspec.json.encode(paging)

    assert paging == msgspec.json.decode(stored, type=Paging)
    for damaged in (
        stored.replace(b'"at":1', b'"at":99'),
        stored.replace(b'"at":1', b'"at":"1"'),
        stored.replace(b'"at":1', b'"no":1'),
        b'{"text":"abc","pages":[[0,2],[2,4]]}',
        b'{"text":"abc","pages":[[0,3]]}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(damaged, type=Paging)


def test_options_are_typed_like_anything_else() -> None:
    """In other digits, with blanks around, in full width."""
    second = paging_of(turn_page(paging_of(first_page(menu(30), LIMITS)), " ＃ "))

    assert 1 == second.at
    for typed in ("0", " 0 ", "０", "٠"):
        assert 0 == paging_of(turn_page(second, typed)).at
    assert turn_page(second, "00") is None
    assert turn_page(second, "More") is None


def test_options_are_configured() -> None:
    """Keys and labels, and a label may be empty."""
    navigation = Navigation(next_key="98", next_label="Suite", back_key="*", back_label="")
    first = first_page(menu(30), LIMITS, navigation)

    assert first.text.endswith("\n\n98 Suite")
    assert turn_page(paging_of(first), "#") is None
    second = turn_page(paging_of(first), "98")
    assert second is not None
    assert second.text.endswith("\n\n98 Suite\n*")
    assert turn_page(paging_of(second), "*") == first


def test_what_is_shown_keeps_its_options() -> None:
    """Settings that change while somebody reads do not: his pages were measured with the old ones."""
    navigation = Navigation(next_key="99")
    stored = msgspec.json.encode(paging_of(first_page(menu(30), LIMITS, navigation)))

    page = turn_page(msgspec.json.decode(stored, type=Paging), "99")

    assert page is not None
    assert "99 More" in page.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"next_key": ""},
        {"next_key": "a b"},
        {"next_key": "123456789"},
        {"next_key": "7"},
        {"back_key": "１"},
        {"next_key": "0"},
        {"next_key": "X", "back_key": "x"},
        {"next_label": "two\nlines"},
        {"back_label": "x" * 25},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    """Empty, long or equal keys, numbers of choices, labels of several lines."""
    with pytest.raises(InvalidInput):
        Navigation(**wrong)


def test_options_need_room() -> None:
    """Also in UCS-2, where an Arabic label makes every page that short."""
    check_room(PageLimits(140), Navigation(next_label="المزيد", back_label="رجوع"))
    with pytest.raises(InvalidInput):
        check_room(PageLimits(60, 24), Navigation())
    with pytest.raises(InvalidInput):
        check_room(PageLimits(30, 15), Navigation())


def test_the_text_is_in_no_repr() -> None:
    """It may hold what a person said."""
    page = first_page(Screen("secret " * 40), LIMITS)

    assert "secret" not in repr(page)
    assert "secret" not in repr(page.paging)


TEXTS = st.lists(
    st.sampled_from(
        [
            "word",
            " ",
            "\n",
            "\n\n",
            "{a}",
            "é",
            "ɔ",
            "👨‍👩‍👧",
            "e\u0301",
            "x" * 50,
            "日本",
            "0",
            "#",
        ]
    ),
    max_size=150,
).map("".join)
NAVIGATIONS = st.sampled_from(
    [Navigation(), Navigation(next_label="المزيد"), Navigation(next_key="99")]
)
ROOMS = st.sampled_from([PageLimits(140), PageLimits(120), PageLimits(182, 80), PageLimits(90, 40)])


def screens() -> st.SearchStrategy[Screen]:
    labels = st.lists(st.text("ab é{ɔ", min_size=1, max_size=30), max_size=20)
    return st.builds(_screen, TEXTS, labels)


def _screen(text: str, labels: list[str]) -> Screen:
    choices = tuple(Choice(str(n), label, n) for n, label in enumerate(labels, 1))
    asked = Prompt(kind=PromptKind.CHOICE, key="k", screen="1", text=text, choices=choices)
    return screen_of(Output(messages=(Message("Hi"),), prompt=asked))


@given(screens(), ROOMS, NAVIGATIONS, st.booleans())
def test_every_page_fits_and_nothing_is_lost(
    screen: Screen, limits: PageLimits, navigation: Navigation, is_terminal: bool
) -> None:
    """Whatever alphabet, whatever options; the pages together are the text, blanks at their edges aside."""
    page: Page | None = first_page(screen, limits, navigation, is_terminal=is_terminal)
    shown = ""
    while page is not None:
        assert fits(page.text, limits)
        paging = page.paging
        options = (
            ""
            if page.ends or paging is None
            else navigation.options(has_next=paging.has_next, has_back=paging.has_back)
        )
        shown += page.text.removesuffix(options)
        page = turn_page(paging, navigation.next_key) if paging and paging.has_next else None

    assert "".join(screen.text.split()) == "".join(shown.split())


@given(screens(), st.lists(st.sampled_from(["#", "0"]), max_size=20), st.booleans())
def test_going_back_and_forth_shows_the_same_pages(
    screen: Screen, typed: list[str], is_terminal: bool
) -> None:
    """Each page is what it was when it was shown before, and its number is where one is."""
    pages = all_pages(screen, is_terminal=is_terminal)
    page, at = pages[0], 0
    for key in typed:
        if page.paging is None:
            break
        turned = turn_page(page.paging, key)
        if turned is None:
            assert (key, at) in {("0", 0), ("#", len(pages) - 1)}
            continue
        at = max(0, at + (1 if key == "#" else -1))
        page = turned
        assert pages[at] == page
