"""What a person answers, and which choice is meant by it.

Typed text is taken like a tap: by title, by key, or by number, whatever its case, width, spacing, digits (``２``, ``٢``
and ``2️⃣`` are all 2) and invisible marks; by title also as a button shows it (``2. Transfer to sa...``). Matching looks
at the choices of the screen that is shown now and at nothing else, so a number that belonged to an earlier screen means
nothing.

Text is bounded before anything looks at it. Control characters, lone surrogates and the blanks around it are
dropped; line ends become newlines; joiners, marks and emoji stay, right-to-left text too. It is composed (NFC).
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from sessiond.core.flows.prompts import AttachmentKind, Choice
from sessiond.core.values import Value

__all__ = [
    "Answer",
    "Attachment",
    "Contact",
    "FileDownload",
    "Location",
    "clean_text",
    "match_choice",
    "matching_form",
]


class Attachment(Value, frozen=True, kw_only=True):
    """Media that a person sent; ``app.download`` fetches it. Only what the gateway told is filled in."""

    PRIVATE = frozenset({"id", "url", "filename", "caption"})

    kind: AttachmentKind
    id: str = ""
    """The gateway's, to fetch it by."""
    url: str = ""
    mime_type: str = ""
    filename: str = ""
    caption: str = ""
    account: str = ""
    """The account that it came by, and that has it; empty: by none."""


class FileDownload(Value, frozen=True, kw_only=True):
    """What became of an attachment that was fetched: what a journal is told of it."""

    account: str
    mime_type: str
    outcome: str
    """``whole``, ``left`` (nobody read on), or the value of a ``DownloadProblem``."""
    size: int
    """Bytes that came."""


class Location(Value, frozen=True, kw_only=True):
    """A place, in degrees."""

    PRIVATE = frozenset({"latitude", "longitude", "name", "address"})

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Contact(Value, frozen=True, kw_only=True):
    """A visiting card."""

    PRIVATE = frozenset({"name", "phones"})

    name: str = ""
    phones: tuple[str, ...] = ()


class Answer(Value, frozen=True, kw_only=True):
    """One input of a person: text and at most one attachment, location or contact; or a tap.

    A tap has the *choice*'s key and, where the gateway can say it, the *screen* it was made on.
    """

    PRIVATE = frozenset({"text", "choice", "attachment", "location", "contact"})

    text: str = ""
    choice: str | None = None
    screen: str | None = None
    attachment: Attachment | None = None
    location: Location | None = None
    contact: Contact | None = None
    numbered: bool = True
    """Whether the gateway showed numbers: then a number is a position first, and only then a title or key."""
    numbered_from: int | None = None
    """Where the gateway shows numbers only with so many choices or more: then a number is a position before it is a
    key, which nobody sees."""


#: Kept among control characters: they are part of what was written.
_KEPT_CONTROLS: Final = frozenset("\n\t")
#: Marks on one letter that are kept (UAX 15, 12.1: what no writing needs more of). Putting marks in order takes the
#: square of their number: 4096 took 16 ms, and each message is put in order up to four times *(measured)*.
_MAX_MARKS: Final = 30
#: Marks that are letters until they are composed: of halfwidth kana.
_MARK_LETTERS: Final = frozenset("\uff9e\uff9f")
#: Left out when texts are compared: formats (bidirectional marks, joiners), variation selectors, keycaps.
_UNSEEN: Final = frozenset({"Cf", "Cc", "Me"})
_VARIATIONS: Final = frozenset("\ufe0e\ufe0f")


def clean_text(text: str) -> str:
    """Drop what nobody meant to write, and compose the rest."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = [c for c in text if c in _KEPT_CONTROLS or unicodedata.category(c) not in {"Cc", "Cs"}]
    if len(kept) > _MAX_MARKS:
        kept = _with_few_marks(kept)
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def _with_few_marks(characters: list[str]) -> list[str]:
    kept, marks = [], 0
    for c in characters:
        is_mark = c in _MARK_LETTERS or unicodedata.category(c)[0] == "M"
        marks = marks + 1 if is_mark else 0
        if marks <= _MAX_MARKS:
            kept.append(c)
    return kept


def matching_form(text: str) -> str:
    """Reduce *text* to what is compared: compatibility form, case folded, single spaces, nothing invisible."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(
            c
            for c in unicodedata.normalize("NFKC", clean_text(text))
            if c not in _VARIATIONS and (c.isspace() or unicodedata.category(c) not in _UNSEEN)
        )
    return " ".join(text.casefold().split())


def match_choice(answer: Answer, text: str, choices: Sequence[Choice]) -> Choice | None:
    """Find what *answer* picks among the *choices* of its screen; *text* is its cleaned text.

    A title that two choices share picks neither of them.
    """
    if answer.choice is not None:
        return next((choice for choice in choices if choice.key == answer.choice), None)
    wanted = matching_form(text)
    if not wanted:
        return None
    by_number = _by_number(wanted, choices)
    if answer.numbered and by_number is not None:
        return by_number
    titled = [choice for choice in choices if matching_form(choice.label) == wanted]
    if titled:
        return titled[0] if len(titled) == 1 else by_number
    shows_numbers = answer.numbered_from is not None and len(choices) >= answer.numbered_from
    if by_number is not None and shows_numbers:
        return by_number
    keyed = [choice for choice in choices if matching_form(choice.key) == wanted]
    if keyed:
        return next((choice for choice in keyed if choice.key == text), keyed[0])
    return by_number or _by_shown_title(wanted, choices)


def _by_shown_title(wanted: str, choices: Sequence[Choice]) -> Choice | None:
    """Find the choice whose number and title are typed as buttons show them: ``2. Transfer to sa...``."""
    number, _, title = wanted.partition(". ")
    choice = _by_number(number, choices) if number.isdecimal() else None
    if choice is None or not title:
        return None
    label, beginning = matching_form(choice.label), title.removesuffix("...")
    is_shown = label == title or (beginning != title and label.startswith(beginning.rstrip()))
    return choice if is_shown else None


def _by_number(wanted: str, choices: Sequence[Choice]) -> Choice | None:
    digits = wanted.rstrip(".)")
    if not digits.isdecimal() or len(digits) > 6:
        return None
    number = int(digits)
    return choices[number - 1] if 1 <= number <= len(choices) else None
