"""What a conversation shows, as calls of the Bot API: texts, media, keyboards.

Choices are buttons below the question ("InlineKeyboardMarkup"): two in a row up to four short ones, as FlowChat (0.10)
has them, else one in a row; above ``LIMITS.buttons`` they are numbered lines to type from. Buttons have no
descriptions, so these, and labels that are nowhere shown whole, are written out below the question.

Lengths are measured with the marks in, in UTF-16 units; Telegram counts without marks, so what fits here fits there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    Layout,
    Media,
    Message,
    Prompt,
    PromptKind,
)
from sessiond.core.gateways.choice_ids import write_choice_id
from sessiond.core.gateways.media import MEDIA_ID
from sessiond.core.rendering.cutting import utf16_units
from sessiond.core.rendering.markdown import read_markdown
from sessiond.core.rendering.styled import Span, Spans, plain_text, split_spans
from sessiond.core.rendering.titles import Title, numbered_lines, titles_of
from sessiond.gateways.telegram.markup import marked_up
from sessiond.gateways.telegram.settings import LIMITS, TelegramSettings

__all__ = ["Payload", "message_payloads", "prompt_payloads", "shows_media"]

#: A method and its parameters, without the chat.
Payload = tuple[str, Mapping[str, Any]]

#: By kind of media: the method and its parameter ("sendPhoto", "sendDocument" …). By address a document is taken as
#: PDF or ZIP alone ("Sending files"); the author sees the refusal as a dead letter.
_METHODS: Final[Mapping[AttachmentKind, tuple[str, str]]] = {
    AttachmentKind.IMAGE: ("sendPhoto", "photo"),
    AttachmentKind.DOCUMENT: ("sendDocument", "document"),
    AttachmentKind.AUDIO: ("sendAudio", "audio"),
    AttachmentKind.VIDEO: ("sendVideo", "video"),
    AttachmentKind.STICKER: ("sendSticker", "sticker"),
}

_TEXT: Final = "sendMessage"

#: Up to so many short choices stand two in a row.
_PAIRED: Final = 4

_Markup = Mapping[str, Any]
_NONE: Final[_Markup] = {}


def message_payloads(message: Message) -> Iterator[Payload]:
    """Write something said."""
    yield from _said(read_markdown(message.text), message.media)


def prompt_payloads(prompt: Prompt, settings: TelegramSettings) -> Iterator[Payload]:
    """Write a question."""
    spans = read_markdown(prompt.body)
    choices = prompt.choices
    if len(choices) > LIMITS.buttons:
        yield from _said(_and_lines(spans, choices), prompt.media)
        return
    markup = _asking(prompt, settings)
    if choices:
        titles = _titles(prompt)
        if any(title.is_cut or title.choice.description for title in titles):
            spans = _and_lines(spans, choices)
        markup = {"inline_keyboard": _rows(prompt, titles)}
    if markup and prompt.media is None and not _texts(spans):
        spans = (Span(settings.choose),)
    yield from _said(spans, prompt.media, markup)


def shows_media(payload: Payload) -> bool:
    """Tell whether a payload of this module has the media of its message in it, and not its words alone."""
    return payload[0] != _TEXT


def _asking(prompt: Prompt, settings: TelegramSettings) -> _Markup:
    """Write the keyboard that shares a place or a number ("KeyboardButton"): it goes away once it was used."""
    if prompt.kind is PromptKind.LOCATION:
        button: dict[str, Any] = {"text": settings.share_location, "request_location": True}
    elif prompt.kind is PromptKind.CONTACT:
        button = {"text": settings.share_contact, "request_contact": True}
    else:
        return _NONE
    return {"keyboard": [[button]], "one_time_keyboard": True, "resize_keyboard": True}


def _titles(prompt: Prompt) -> Sequence[Title]:
    if _may_be_paired(prompt):
        titles = titles_of(prompt.choices, LIMITS.short_title)
        if not any(title.is_cut for title in titles):
            return titles
    return titles_of(prompt.choices, LIMITS.title)


def _may_be_paired(prompt: Prompt) -> bool:
    return len(prompt.choices) <= _PAIRED and prompt.layout is not Layout.LIST


def _rows(prompt: Prompt, titles: Sequence[Title]) -> list[list[dict[str, str]]]:
    is_paired = _may_be_paired(prompt) and all(
        len(title.text) <= LIMITS.short_title for title in titles
    )
    buttons = [
        {
            "text": title.text,
            "callback_data": write_choice_id(prompt.screen, title.choice, LIMITS.callback_data),
        }
        for title in titles
    ]
    width = 2 if is_paired else 1
    return [buttons[start : start + width] for start in range(0, len(buttons), width)]


def _and_lines(spans: Spans, choices: Sequence[Choice]) -> Spans:
    """Put the numbered choices below the question; labels are no Markdown."""
    lines = numbered_lines(choices)
    is_blank = not plain_text(spans).strip()
    return (Span(lines),) if is_blank else (*spans, Span(f"\n\n{lines}"))


def _texts(spans: Spans) -> list[str]:
    return split_spans(spans, LIMITS.text, marked_up, measure=utf16_units)


def _said(spans: Spans, media: Media | None, markup: _Markup = _NONE) -> Iterator[Payload]:
    """Write a text and media; the keyboard is below the last message."""
    payloads = list(_parts(_texts(spans), media))
    for number, (method, told) in enumerate(payloads, 1):
        is_last = number == len(payloads)
        yield method, {**told, "reply_markup": markup} if is_last and markup else told


def _parts(texts: list[str], media: Media | None) -> Iterator[Payload]:
    if media is not None:
        is_caption = len(texts) == 1 and utf16_units(texts[0]) <= LIMITS.caption
        if is_caption and media.kind is not AttachmentKind.STICKER:
            yield _media(media, texts.pop())
        else:
            yield _media(media)
    for text in texts:
        yield (
            _TEXT,
            {
                "text": text,
                "parse_mode": "HTML",
                "link_preview_options": {"is_disabled": True},
            },
        )


def _media(media: Media, caption: str = "") -> Payload:
    file = media.id or (MEDIA_ID if media.path else media.url)
    if not file:
        raise InvalidInput("telegram: media to send need an id, an address or a file")
    method, name = _METHODS[media.kind]
    return method, {name: file} | ({"caption": caption, "parse_mode": "HTML"} if caption else {})
