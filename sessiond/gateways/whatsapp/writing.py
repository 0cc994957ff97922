"""What a conversation shows, as messages of the Cloud API: texts, media, buttons, lists.

FlowChat's ladder (0.10): up to three choices are buttons, up to ten a list, more are numbered lines to type from. Media
do not change that: they are the header of buttons, the caption's picture of a text, else a message of their own before.
Ours: buttons have no descriptions, so choices that have some are a list at once; labels that are nowhere shown whole
are written out below the question.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Location
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
from sessiond.core.gateways.port import Template
from sessiond.core.rendering.cutting import cut
from sessiond.core.rendering.markdown import read_markdown
from sessiond.core.rendering.marks import marked
from sessiond.core.rendering.styled import Span, Spans, split_spans
from sessiond.core.rendering.titles import Title, numbered_lines, titles_of
from sessiond.gateways.whatsapp.settings import LIMITS, WhatsAppSettings

__all__ = [
    "Payload",
    "location_payload",
    "message_payloads",
    "prompt_payloads",
    "shows_media",
    "template_payload",
]

#: A message without its recipient: ``type`` and the object of that name.
Payload = Mapping[str, Any]

#: Audio and stickers have no caption ("Audio messages", "Sticker messages").
_WITH_CAPTION: Final = frozenset(
    {AttachmentKind.IMAGE, AttachmentKind.VIDEO, AttachmentKind.DOCUMENT}
)
_KINDS: Final = frozenset(kind.value for kind in AttachmentKind)
#: The same are what the header of buttons may be ("Interactive reply buttons messages").
_IN_HEADER: Final = _WITH_CAPTION


def message_payloads(message: Message) -> Iterator[Payload]:
    """Write something said."""
    yield from _said(read_markdown(message.text), message.media)


def prompt_payloads(prompt: Prompt, settings: WhatsAppSettings) -> Iterator[Payload]:
    """Write a question."""
    spans = read_markdown(prompt.body)
    choices = prompt.choices
    if not choices:
        yield from _open_question(prompt, spans)
    elif len(choices) <= LIMITS.buttons and _may_be_buttons(prompt):
        yield from _with_buttons(prompt, spans, settings)
    elif len(choices) <= LIMITS.rows:
        if prompt.media is not None:
            yield _media(prompt.media)
        yield from _with_list(prompt, spans, settings)
    else:
        yield from _said(_and_lines(spans, choices), prompt.media)


def shows_media(payload: Payload) -> bool:
    """Tell whether a payload of this module has the media of its message in it, and not its words alone."""
    return payload["type"] in _KINDS or "header" in payload.get("interactive", {})


def location_payload(place: Location) -> Payload:
    """Write a place on the map."""
    told = {"name": place.name, "address": place.address}
    where = {"latitude": place.latitude, "longitude": place.longitude}
    return {"type": "location", "location": where | {k: text for k, text in told.items() if text}}


def template_payload(template: Template) -> Payload:
    """Write a template; parameters named by numbers fill ``{{1}}``, ``{{2}}`` …, others those of their names.

    Cloud API reference, "Template messages": texts of parameters have no line ends, tabs or long blanks.
    """
    by_number = all(name.isdecimal() for name in template.parameters)
    names = sorted(template.parameters, key=int) if by_number else list(template.parameters)
    parameters = []
    for name in names:
        filled = {"type": "text", "text": " ".join(template.parameters[name].split())}
        parameters.append(filled if by_number else filled | {"parameter_name": name})
    components = [{"type": "body", "parameters": parameters}] if parameters else []
    named = {"name": template.name, "language": {"code": template.language}}
    return {
        "type": "template",
        "template": named | ({"components": components} if components else {}),
    }


def _open_question(prompt: Prompt, spans: Spans) -> Iterator[Payload]:
    """Write a question without choices; one for a place has a button that shares it."""
    room = LIMITS.location_request_body
    if prompt.kind is PromptKind.LOCATION and prompt.media is None and spans:
        *before, body = split_spans(spans, LIMITS.text, marked, last=room) or [""]
        yield from map(_text, before)
        if body:
            action = {"name": "send_location"}
            yield _interactive("location_request_message", body, action)
    else:
        yield from _said(spans, prompt.media)


def _may_be_buttons(prompt: Prompt) -> bool:
    has_more_to_say = any(choice.description for choice in prompt.choices)
    return prompt.layout is Layout.BUTTONS or (prompt.layout is Layout.AUTO and not has_more_to_say)


def _with_buttons(prompt: Prompt, spans: Spans, settings: WhatsAppSettings) -> Iterator[Payload]:
    titles = titles_of(prompt.choices, LIMITS.button_title)
    if any(title.is_cut or title.choice.description for title in titles):
        spans = _and_lines(spans, prompt.choices)
    media = prompt.media
    if media is not None and media.kind not in _IN_HEADER:
        yield _media(media)
        media = None
    buttons = [
        {
            "type": "reply",
            "reply": {"id": _id(prompt, title, LIMITS.button_id), "title": title.text},
        }
        for title in titles
    ]
    *before, body = _bodies(spans, LIMITS.button_body, settings)
    yield from map(_text, before)
    header = {} if media is None else {"header": _media(media)}
    yield _interactive("button", body, {"buttons": buttons}, header)


def _with_list(prompt: Prompt, spans: Spans, settings: WhatsAppSettings) -> Iterator[Payload]:
    titles = titles_of(prompt.choices, LIMITS.row_title)
    rows, is_whole = [], True
    for title in titles:
        row = {"id": _id(prompt, title, LIMITS.row_id), "title": title.text}
        description = _description(title)
        if description:
            row["description"] = cut(description, LIMITS.row_description)
            is_whole = is_whole and row["description"] == description
        rows.append(row)
    if not is_whole:
        spans = _and_lines(spans, prompt.choices)
    *before, body = _bodies(spans, LIMITS.list_body, settings)
    yield from map(_text, before)
    sections = [{"title": settings.list_title, "rows": rows}]
    yield _interactive("list", body, {"button": settings.list_button, "sections": sections})


def _description(title: Title) -> str:
    """Give what a row says below its title: the whole label when that was cut, and the author's words."""
    said = " ".join(title.choice.description.split())
    return " – ".join(filter(None, (title.label if title.is_cut else "", said)))


def _id(prompt: Prompt, title: Title, limit: int) -> str:
    return write_choice_id(prompt.screen, title.choice, limit)


def _and_lines(spans: Spans, choices: Sequence[Choice]) -> Spans:
    """Put the numbered choices below the question; labels are no Markdown."""
    lines = numbered_lines(choices)
    return (*spans, Span(f"\n\n{lines}" if spans else lines))


def _bodies(spans: Spans, room: int, settings: WhatsAppSettings) -> list[str]:
    """Write the body of choices, and the messages before it when it is too long. No body may be empty."""
    return split_spans(spans, LIMITS.text, marked, last=room) or [settings.list_button]


def _said(spans: Spans, media: Media | None) -> Iterator[Payload]:
    texts = split_spans(spans, LIMITS.text, marked)
    if media is not None:
        is_caption = len(texts) == 1 and len(texts[0]) <= LIMITS.caption
        if is_caption and media.kind in _WITH_CAPTION:
            yield _media(media, texts.pop())
        else:
            yield _media(media)
    yield from map(_text, texts)


def _text(body: str) -> Payload:
    return {"type": "text", "text": {"body": body, "preview_url": False}}


def _media(media: Media, caption: str = "") -> Payload:
    """Write media, as a message or as a header: both have this shape."""
    if not (media.id or media.url or media.path):
        raise InvalidInput("whatsapp: media to send need an id, an address or a file")
    media_id = media.id or (MEDIA_ID if media.path else "")
    file = {"id": media_id} if media_id else {"link": media.url}
    if caption:
        file["caption"] = caption
    name = media.filename or PurePosixPath(media.path).name
    if name and media.kind is AttachmentKind.DOCUMENT:
        file["filename"] = cut(name, LIMITS.filename)
    return {"type": media.kind.value, media.kind.value: file}


def _interactive(
    kind: str, body: str, action: Mapping[str, Any], header: Mapping[str, Any] | None = None
) -> Payload:
    shown = {"type": kind, **(header or {}), "body": {"text": body}, "action": action}
    return {"type": "interactive", "interactive": shown}
