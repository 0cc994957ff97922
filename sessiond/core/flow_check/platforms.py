"""What platforms show of a prompt: WhatsApp's limits, and the pages of USSD.

Sources: Meta's Cloud API, interactive messages (buttons and lists); FlowChat's renderer and page size for USSD.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from sessiond.core.flow_check.words import Label, Words
from sessiond.core.flows.prompts import Layout
from sessiond.core.flows.translations import Translations

__all__ = ["PLATFORMS", "Shown", "problems"]

#: Platforms with limits.
PLATFORMS = ("ussd", "whatsapp")

MAX_BUTTONS = 3
MAX_ROWS = 10
BUTTON_CHARACTERS = 20
ROW_CHARACTERS = 24
DESCRIPTION_CHARACTERS = 72
PAGE_CHARACTERS = 140


@frozen
class Shown:
    """What is shown at once; *labels* ``None``: there are none, or nothing is known of them."""

    words: Words
    labels: Sequence[Label] | None = None
    layout: Layout = Layout.AUTO


def problems(
    shown: Shown, platforms: Iterable[str], translations: Translations
) -> Iterator[tuple[str, str]]:
    """Tell what the *platforms* would not show as it is: code and sentence."""
    labels = shown.labels or ()
    if "whatsapp" in platforms:
        yield from _too_many(len(labels), shown.layout)
        rows = shown.layout is Layout.LIST or len(labels) > MAX_BUTTONS
        if len(labels) <= MAX_ROWS:
            limit, where = (ROW_CHARACTERS, "list") if rows else (BUTTON_CHARACTERS, "button")
            for label in labels:
                yield from _cut(label.words, limit, f"a {where} of WhatsApp", translations)
                yield from _cut(
                    label.description, DESCRIPTION_CHARACTERS, "a description", translations
                )
    if "ussd" in platforms:
        yield from _pages(shown.words, [label.words for label in labels], translations)


def _too_many(count: int, layout: Layout) -> Iterator[tuple[str, str]]:
    limit, shown = MAX_ROWS, f"{MAX_ROWS} rows, and more as a numbered text"
    if layout is Layout.BUTTONS:
        limit, shown = MAX_BUTTONS, f"{MAX_BUTTONS} buttons, and more as a list"
    if count > limit:
        yield "too-many-choices", f"{count} choices; WhatsApp shows at most {shown}"


def _cut(
    words: Words, limit: int, where: str, translations: Translations
) -> Iterator[tuple[str, str]]:
    for language, text in words.shown(translations):
        if len(text) > limit:
            what = f"the label {text!r} has {len(text)} characters{_in(language)}"
            yield "cut-label", f"{what}; {where} shows {limit}"


def _pages(
    words: Words, labels: Sequence[Words], translations: Translations
) -> Iterator[tuple[str, str]]:
    worst: dict[str, int] = {}
    for language in ("", *translations.languages):
        lines = [f"{n}. {_text(one, language, translations)}" for n, one in enumerate(labels, 1)]
        page = "\n\n".join(filter(None, (_text(words, language, translations), "\n".join(lines))))
        worst[language] = len(page)
    language, length = max(worst.items(), key=lambda one: one[1])
    if length > PAGE_CHARACTERS:
        language = language if length > worst[""] else ""
        yield (
            "ussd-page",
            f"at least {length} characters with its choices{_in(language)}; a USSD page has {PAGE_CHARACTERS}",
        )


def _text(words: Words, language: str, translations: Translations) -> str:
    shown = dict(words.shown(translations))
    return shown.get(language, shown[""])


def _in(language: str) -> str:
    return f" in {language}" if language else ""
