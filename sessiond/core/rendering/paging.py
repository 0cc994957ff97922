r"""Screens that are longer than a page: shown page by page, and turned by what the person types.

FlowChat's pages: ``# More`` and ``0 Back`` on lines of their own after a blank line. With 140 characters a first or
last page so has 132 of the text, and one between them 125. Mended (faults 8 to 11 and 17 of the reference):

- An option can be picked on a page that shows it, and only there: elsewhere ``0`` is an answer, such as an amount.
- What ends a conversation is shown to its last page, which has no options and ends the provider's session; nothing
  is kept any more then, so that the next dial does not see it.
- What is kept is text and numbers, and no table from numbers to choices: what is no option goes to the flow as typed.
"""

import unicodedata
from typing import Final

import attrs
import msgspec
from attrs import field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import matching_form
from sessiond.core.rendering.gsm import PageLimits, text_length
from sessiond.core.rendering.page_breaks import break_pages
from sessiond.core.rendering.screens import Screen
from sessiond.core.values import Value

__all__ = [
    "NAVIGATION",
    "Navigation",
    "Page",
    "Paging",
    "check_room",
    "first_page",
    "page_shown",
    "turn_page",
]

#: Of a page, beside its options: less is not worth turning pages for.
_MIN_ROOM: Final = 10

#: From here on a number may be an option's key (``99 More``): nobody reads lists that long.
_FREE_NUMBERS: Final = 90

_MAX_KEY, _MAX_LABEL = 8, 24


def _typed(text: str) -> str:
    """Give what is compared: keys in any case, width and script of digits are the same."""
    form = matching_form(text)
    if form.isascii():
        return form
    return "".join(str(unicodedata.decimal(c, c)) for c in form)


def _check_key(_: object, __: "attrs.Attribute[str]", value: str) -> None:
    form = _typed(value)
    if not 1 <= len(form) <= _MAX_KEY or " " in form:
        raise InvalidInput(f"the key of an option has 1 to {_MAX_KEY} characters and no blanks")
    if form.isdecimal() and 0 < int(form) < _FREE_NUMBERS:
        raise InvalidInput("the key of an option is no number of a choice: 0, or 90 and above")


def _check_label(_: object, __: "attrs.Attribute[str]", value: str) -> None:
    if len(value) > _MAX_LABEL or value != " ".join(value.split()):
        raise InvalidInput(f"the label of an option is one line of at most {_MAX_LABEL} characters")


@frozen(kw_only=True)
class Navigation:
    """How pages are turned.

    Raises:
      InvalidInput: a key or label cannot be used, or both keys are the same.

    """

    next_key: str = field(default="#", validator=_check_key)
    """What is typed for the next page."""
    next_label: str = field(default="More", validator=_check_label)
    """What is shown beside it."""
    back_key: str = field(default="0", validator=_check_key)
    """What is typed for the page before."""
    back_label: str = field(default="Back", validator=_check_label)
    """What is shown beside it."""

    def __attrs_post_init__(self) -> None:
        if _typed(self.next_key) == _typed(self.back_key):
            raise InvalidInput("the next page and the page before have the same key")

    def options(self, *, has_next: bool, has_back: bool) -> str:
        """Write the options that a page has behind its text, with the blank line before them."""
        lines = []
        if has_next:
            lines.append(f"{self.next_key} {self.next_label}".rstrip())
        if has_back:
            lines.append(f"{self.back_key} {self.back_label}".rstrip())
        return "\n\n" + "\n".join(lines) if lines else ""


#: FlowChat's.
NAVIGATION: Final = Navigation()


class Paging(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A screen of several pages, and which of them is shown: kept while it can be turned. JSON by msgspec.

    Its options are those it was shown with, so changed settings change no page that somebody looks at.
    """

    PRIVATE = frozenset({"text"})

    text: str
    pages: tuple[tuple[int, int], ...]
    """Where each begins and ends in the text; at least two."""
    at: int = 0
    is_terminal: bool = False
    """The conversation has ended with it."""
    navigation: Navigation = NAVIGATION

    def __post_init__(self) -> None:
        """Refuse what nobody can look at.

        Raises:
          InvalidInput: there are no such pages.

        """
        if len(self.pages) < 2 or not 0 <= self.at < len(self.pages):
            raise InvalidInput("paging needs at least two pages, and to be at one of them")
        if any(not 0 <= start <= end <= len(self.text) for start, end in self.pages):
            raise InvalidInput("a page is outside of its text")

    @property
    def has_next(self) -> bool:
        """Whether the next page can be turned to."""
        return self.at + 1 < len(self.pages)

    @property
    def has_back(self) -> bool:
        """Whether the page before can be turned to: not from where everything ends."""
        return self.at > 0 and (self.has_next or not self.is_terminal)


class Page(Value, frozen=True, kw_only=True):
    """What is shown now."""

    PRIVATE = frozenset({"text", "paging"})

    text: str
    ends: bool
    """The provider's session ends with it."""
    paging: Paging | None = None
    """What to keep until something else is shown; ``None``: nothing, and what was kept is dropped."""
    number: int = 1
    total: int = 1


def first_page(
    screen: Screen,
    limits: PageLimits,
    navigation: Navigation = NAVIGATION,
    *,
    is_terminal: bool = False,
) -> Page:
    """Break *screen* into pages and show the first; *is_terminal*: the conversation ends with it.

    Raises:
      InvalidInput: the options leave no room on a page (see ``check_room``).

    """

    def tail(is_first: bool, is_last: bool) -> str:  # noqa: FBT001
        has_back = not is_first and not (is_last and is_terminal)
        return navigation.options(has_next=not is_last, has_back=has_back)

    pages = break_pages(screen, limits, tail)
    if len(pages) == 1:
        start, end = pages[0]
        return Page(text=screen.text[start:end], ends=is_terminal)
    return page_shown(
        Paging(text=screen.text, pages=pages, is_terminal=is_terminal, navigation=navigation)
    )


def turn_page(paging: Paging, typed: str) -> Page | None:
    """Show the page that *typed* turns to; ``None``: it is no option of the page that is shown, but an answer.

    After the end of a conversation nobody waits for answers: whatever else is typed shows the same page again.
    """
    form = _typed(typed)
    if paging.has_next and form == _typed(paging.navigation.next_key):
        return page_shown(msgspec.structs.replace(paging, at=paging.at + 1))
    if paging.has_back and form == _typed(paging.navigation.back_key):
        return page_shown(msgspec.structs.replace(paging, at=paging.at - 1))
    return page_shown(paging) if paging.is_terminal else None


def page_shown(paging: Paging) -> Page:
    """Show the page that *paging* is at, again or for the first time."""
    start, end = paging.pages[paging.at]
    options = paging.navigation.options(has_next=paging.has_next, has_back=paging.has_back)
    ends = paging.is_terminal and not paging.has_next
    return Page(
        text=paging.text[start:end] + options,
        ends=ends,
        paging=None if ends else paging,
        number=paging.at + 1,
        total=len(paging.pages),
    )


def check_room(limits: PageLimits, navigation: Navigation) -> None:
    """Check that pages have room for a text beside their options, in both alphabets.

    Raises:
      InvalidInput: less than ten characters are left.

    """
    options = navigation.options(has_next=True, has_back=True)
    in_ucs2 = len(options.encode("utf-16-le")) // 2
    if max(in_ucs2 - limits.units, text_length(options) - limits.septets) > -_MIN_ROOM:
        raise InvalidInput(f"the options of a page leave less than {_MIN_ROOM} characters of it")
