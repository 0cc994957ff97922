"""What platforms show of a prompt: WhatsApp's limits, and the pages of USSD.

Sources: Meta's Cloud API, interactive messages (buttons and lists); FlowChat's renderer for USSD. How long its pages
are is the gateway's.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from sessiond.core.flow_check.words import Label, Words
from sessiond.core.flows.prompts import Layout
from sessiond.core.flows.translations import Translations
from sessiond.core.rendering.gsm import PageLimits, is_gsm, text_length

__all__ = ["PLATFORMS", "Page", "Shown", "problems"]

#: Platforms with limits.
PLATFORMS = ("ussd", "whatsapp")

MAX_BUTTONS = 3
MAX_ROWS = 10
BUTTON_CHARACTERS = 20
ROW_CHARACTERS = 24
DESCRIPTION_CHARACTERS = 72


@frozen
class Page:
    """What fits on a page of USSD, and whose page it is: a kind of gateway, or an account."""

    gateway: str
    limits: PageLimits

    def room_for(self, text: str) -> int:
        """How many characters of a text as *text* is fit, counted as the network does."""
        return self.limits.septets if is_gsm(text) else self.limits.units

    def describe(self) -> str:
        """Say what was measured by."""
        return f"USSD pages of {self.limits.septets} characters ({self.gateway})"


@frozen
class Shown:
    """What is shown at once; *labels* ``None``: there are none, or nothing is known of them."""

    words: Words
    labels: Sequence[Label] | None = None
    layout: Layout = Layout.AUTO


def problems(
    shown: Shown, platforms: Iterable[str], translations: Translations, page: Page
) -> Iterator[tuple[str, str]]:
    """Tell what the *platforms* would not show as it is, those of USSD on a *page*: code and sentence."""
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
        yield from _pages(shown.words, [label.words for label in labels], translations, page)


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
    words: Words, labels: Sequence[Words], translations: Translations, page: Page
) -> Iterator[tuple[str, str]]:
    over: dict[str, int] = {}
    screens: dict[str, str] = {}
    for language in ("", *translations.languages):
        lines = [f"{n}. {_text(one, language, translations)}" for n, one in enumerate(labels, 1)]
        text = "\n\n".join(filter(None, (_text(words, language, translations), "\n".join(lines))))
        screens[language] = text
        over[language] = text_length(text) - page.room_for(text)
    # The first of them, no language, where all are the same.
    language, worst = max(over.items(), key=lambda one: one[1])
    if worst > 0:
        text = screens[language]
        room = f"{page.room_for(text)} ({page.gateway})"
        letters = "" if is_gsm(text) else " with letters outside of the GSM alphabet"
        yield (
            "ussd-page",
            f"at least {text_length(text)} characters with its choices{_in(language)}; a USSD page has {room}{letters}",
        )


def _text(words: Words, language: str, translations: Translations) -> str:
    shown = dict(words.shown(translations))
    return shown.get(language, shown[""])


def _in(language: str) -> str:
    return f" in {language}" if language else ""
