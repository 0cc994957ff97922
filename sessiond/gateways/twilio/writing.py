"""What a conversation shows, as messages of Twilio: forms without recipient and sender.

Choices are numbered lines to type from: buttons need a template of their own at Twilio.

An SMS has no marks, and several do not arrive in order for certain, so all of a turn is one text, split only when it
is too long. WhatsApp has marks and keeps the order: each message is one. There images and videos have captions,
documents and audio none ("Guidance on WhatsApp media messages"), and each message has one of them.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import AttachmentKind, Media, Message, Output, Prompt
from sessiond.core.gateways.port import Template
from sessiond.core.rendering.cutting import utf16_units
from sessiond.core.rendering.markdown import read_markdown
from sessiond.core.rendering.marks import marked
from sessiond.core.rendering.styled import Span, Spans, plain_text, split_spans
from sessiond.core.rendering.titles import numbered_lines
from sessiond.gateways.twilio.form import Pairs
from sessiond.gateways.twilio.segments import split_sms
from sessiond.gateways.twilio.settings import LIMITS, SMS, TwilioSettings

__all__ = ["output_forms", "template_form"]

_WITH_CAPTION: Final = frozenset({AttachmentKind.IMAGE, AttachmentKind.VIDEO})

_CONTENT_SID: Final = "HX"
_SID_LENGTH: Final = 34


def output_forms(output: Output, settings: TwilioSettings) -> Iterator[Pairs]:
    """Write the messages that show *output*, in order.

    Raises:
      InvalidInput: media have no address.

    """
    if settings.platform == SMS:
        yield from _sms(output, settings)
        return
    for message in _shown(output):
        yield from _whatsapp(message)


def template_form(template: Template) -> Pairs:
    """Write a template: its name is the ``ContentSid``, which has the language too ("Send templates").

    Raises:
      InvalidInput: the name is no ``ContentSid``.

    """
    sid = template.name
    is_sid = sid.startswith(_CONTENT_SID) and len(sid) == _SID_LENGTH
    if not (is_sid and sid.isascii() and sid.isalnum()):
        raise InvalidInput("twilio: a template is named by its ContentSid, HX and 32 hex digits")
    variables = msgspec.json.encode(dict(template.parameters)).decode()
    return [
        ("ContentSid", sid),
        *([("ContentVariables", variables)] if template.parameters else []),
    ]


def _shown(output: Output) -> Iterator[tuple[Spans, Media | None]]:
    """Give each text with its media; a question has its choices below."""
    message: Message | Prompt
    for message in output.messages:
        yield read_markdown(message.text), message.media
    prompt = output.prompt
    if prompt is None:
        return
    spans = read_markdown(prompt.body)
    if prompt.choices and (prompt.repeats or not prompt.error):
        lines = numbered_lines(prompt.choices)
        is_blank = not plain_text(spans).strip()
        spans = (Span(lines),) if is_blank else (*spans, Span(f"\n\n{lines}"))
    yield spans, prompt.media


def _sms(output: Output, settings: TwilioSettings) -> Iterator[Pairs]:
    parts, addresses = [], []
    for spans, media in _shown(output):
        lines = [plain_text(spans).strip()]
        if media is not None and settings.sends_media:
            addresses.append(_address(media))
        elif media is not None:
            lines.append(_address(media))
        parts.append("\n".join(filter(None, lines)))
    text = "\n\n".join(filter(None, parts))
    bodies: Sequence[str] = list(split_sms(text, settings.max_segments, LIMITS.text))
    attached = [addresses[at : at + LIMITS.media] for at in range(0, len(addresses), LIMITS.media)]
    for number in range(max(len(bodies), len(attached))):
        body = [("Body", bodies[number])] if number < len(bodies) else []
        urls = attached[number] if number < len(attached) else []
        yield [*body, *(("MediaUrl", url) for url in urls)]


def _whatsapp(shown: tuple[Spans, Media | None]) -> Iterator[Pairs]:
    spans, media = shown
    texts = split_spans(spans, LIMITS.text, marked, measure=utf16_units)
    if media is not None:
        is_caption = len(texts) == 1 and utf16_units(texts[0]) <= LIMITS.caption
        caption = texts.pop() if is_caption and media.kind in _WITH_CAPTION else ""
        yield [*([("Body", caption)] if caption else []), ("MediaUrl", _address(media))]
    for text in texts:
        yield [("Body", text)]


def _address(media: Media) -> str:
    if not media.url:
        raise InvalidInput("twilio: media to send need an address; files are not uploaded")
    return media.url
