"""The generic JSON gateway: any program asks for a person, and gets what the flow shows as data.

FlowChat 0.10's ``http_simple``. A request (JSON, or a form)::

    {"session_id": "s1", "user_id": "u1", "input": "2",
     "msisdn"?: "+233 24 412 3456", "name"?, "email"?, "message_id"?,
     "media_url"?, "media_type"?, "mime_type"?}

and its answer::

    {"type": "prompt" | "terminal" | "skip", "session_id", "user_id", "timestamp",
     "message"?, "choices"?: [{"key", "value"}], "media"?: {"url", "type"}}

An input is a choice's key, its text or its number, or a text. ``skip``: there is nothing to say. ``timestamp`` is when
the request came (RFC 3339, UTC). The message is the caption of the media; of several the first is ``media``, the others
are lines of the message.

Beyond FlowChat: a ``message_id`` makes repeats known; who asks has a token (``Authorization: Bearer``), for he speaks
for everybody; ids come from the request, not from the app's controller.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from attrs import frozen
from typing_extensions import override

from sessiond.core.conversations.phone import MAX_PHONE_TEXT, check_region, e164
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.conversations.shown import Readable
from sessiond.core.described import Form, Reply
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment
from sessiond.core.flows.prompts import AttachmentKind, Media
from sessiond.core.gateways.access import Access, AccessSettings
from sessiond.core.gateways.arrivals import Arrived, Heard
from sessiond.core.gateways.described import (
    PHONE,
    Operations,
    Request,
    id_field,
    text_field,
    with_access,
)
from sessiond.core.gateways.fields import FORM, JSON, Fields, host_of, read_fields
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import NOTHING_SHOWN, AnsweringGateway, GatewayKind, ScreenLimits
from sessiond.core.rendering.screens import media_line

__all__ = ["KIND", "HttpGateway", "HttpGatewaySettings"]

#: The gateway has no screen: what a flow may show, and more.
_MAX_CHARACTERS: Final = 65_536

_MAX_INPUT: Final = 16_384
_MAX_URL: Final = 2048
_MAX_SHORT: Final = 256

_UNREADABLE: Final = 400


@frozen(kw_only=True)
class HttpGatewaySettings(AccessSettings):
    """One program that speaks for people.

    Raises:
      InvalidInput: a setting cannot be; tokens are not repeated.

    """

    name: str = "http_simple"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    region: str | None = None
    """Of phone numbers in local form (``GH``). In a server's settings, absent: ``session_keys.phone_region``."""
    answer_seconds: float = 25.0
    """How long we may take: programs wait for 30 seconds, most of them."""

    @override
    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.region is not None:
            check_region(self.region)
        if not 0 < self.answer_seconds <= 600:
            raise InvalidInput("answer_seconds is above 0 and at most 600")


class HttpGateway(AnsweringGateway):
    """One program (``AnsweringGateway``)."""

    def __init__(self, settings: HttpGatewaySettings) -> None:
        self._settings = settings
        self._access = Access(settings, methods=("POST",), media_types=(JSON, FORM), in_header=True)

    @property
    @override
    def name(self) -> str:
        """The gateway part of session keys."""
        return self._settings.name

    @property
    @override
    def platform(self) -> str:
        """The platform part of session keys."""
        return "http"

    @property
    @override
    def limits(self) -> ScreenLimits:
        """What fits: whatever flows show."""
        return ScreenLimits(
            characters=_MAX_CHARACTERS, answer_seconds=self._settings.answer_seconds
        )

    @override
    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Check the token in the ``Authorization`` header."""
        return self._access.check(request)

    @override
    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read one input.

        Raises:
          InvalidInput: a field is missing or of the wrong kind.

        """
        fields = read_fields(request)
        session, user = _ids(fields)
        phone = fields.text("msisdn", longest=MAX_PHONE_TEXT)
        told = {name: fields.text(name, longest=_MAX_SHORT) for name in ("name", "email")}
        return (
            Heard(
                facts=ChannelFacts(
                    platform=self.platform,
                    gateway=self.name,
                    host=host_of(request),
                    path=request.path,
                    request_id=session,
                    user_id=user,
                    msisdn=e164(phone, self._settings.region) if phone else "",
                ),
                answer=_answer(fields),
                id=fields.id("message_id"),
                sent_at=request.received_at,
                profile={name: text for name, text in told.items() if text},
            ),
        )

    @override
    def acknowledge(self) -> ProviderAnswer:
        """Write the response to what nobody waits at."""
        return _json({"status": "processing"})

    @override
    def answer(
        self, heard: Heard, text: str, *, is_last: bool, shown: Readable = NOTHING_SHOWN
    ) -> ProviderAnswer:
        """Write what is *shown* as data; *text* is the message when no flow showed anything."""
        content = _content(shown) or ({"message": text} if text else {})
        kind = "terminal" if is_last else "prompt" if content else "skip"
        facts = heard.facts
        return _json(_head(kind, facts.request_id, facts.user_id, heard.sent_at) | content)

    @override
    def refuse(self, request: ProviderRequest, text: str, *, reason: str = "") -> ProviderAnswer:
        """Write a last message; with status 400 when the request is wrong, so that its sender mends it."""
        try:
            session, user = _ids(read_fields(request))
        except InvalidInput:
            return _json({"error": reason or text}, status=_UNREADABLE)
        if reason:
            return _json({"error": reason}, status=_UNREADABLE)
        head = _head("terminal", session, user, request.received_at)
        return _json(head | {"message": text})


def _ids(fields: Fields) -> tuple[str, str]:
    session, user = fields.id("session_id"), fields.id("user_id")
    if not session:
        raise InvalidInput("session_id is missing")
    if not user:
        raise InvalidInput("user_id is missing")
    return session, user


def _answer(fields: Fields) -> Answer:
    """Read what was said. Choices have keys here, and numbers nobody sees: a key comes before a position."""
    text = fields.text("input", longest=_MAX_INPUT) or ""
    url = fields.id("media_url", longest=_MAX_URL)
    kind = fields.text("media_type", longest=_MAX_SHORT) or ""
    mime_type = fields.id("mime_type", longest=_MAX_SHORT)
    if not url:
        return Answer(text=text, numbered=False)
    attachment = Attachment(
        # FlowChat: a kind that is not known is a document.
        kind=AttachmentKind(kind) if kind in set(AttachmentKind) else AttachmentKind.DOCUMENT,
        url=url,
        mime_type=mime_type,
    )
    return Answer(text=text, attachment=attachment, numbered=False)


def _content(shown: Readable) -> dict[str, Any]:
    """Write message, choices and media; fields that say nothing are left out."""
    content: dict[str, Any] = {}
    lines = []
    for text, media in _parts(shown):
        if media is not None and media.url and "media" not in content:
            content["media"] = {"url": media.url, "type": media.kind.value}
        else:
            lines.append(media_line(media))
        lines.append(text)
    if any(lines):
        content["message"] = "\n\n".join(line for line in lines if line)
    if shown.prompt is not None and shown.prompt.choices:
        content["choices"] = [
            {"key": choice.key, "value": choice.label} for choice in shown.prompt.choices
        ]
    return content


def _parts(shown: Readable) -> Iterator[tuple[str, Media | None]]:
    for message in shown.messages:
        yield message.text, message.media
    if shown.prompt is not None:
        yield shown.prompt.body, shown.prompt.media


def _head(kind: str, session: str, user: str, at: float | None) -> dict[str, Any]:
    time = datetime.fromtimestamp(int(at or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": kind, "session_id": session, "user_id": user, "timestamp": time}


def _json(content: dict[str, Any], status: int = 200) -> ProviderAnswer:
    return ProviderAnswer(status=status, body=msgspec.json.encode(content), media_type=JSON)


_ANSWER: Final = Form(
    "HttpGatewayAnswer",
    {
        "type": "object",
        "properties": {
            "type": {
                "enum": ["prompt", "terminal", "skip"],
                "description": "A question or more to come; the end; nothing to say.",
            },
            "session_id": {"type": "string"},
            "user_id": {"type": "string"},
            "timestamp": {"type": "string", "description": "When it was asked, in UTC."},
            "message": {"type": "string"},
            "choices": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
                    "required": ["key", "value"],
                },
            },
            "media": {
                "type": "object",
                "properties": {
                    "url": {"type": "string"},
                    "type": {"enum": [kind.value for kind in AttachmentKind]},
                },
                "required": ["url", "type"],
            },
        },
        "required": ["type", "session_id", "user_id", "timestamp"],
    },
)

_WRONG: Final = Form(
    "HttpGatewayError",
    {
        "type": "object",
        "properties": {"error": {"type": "string", "description": "What is wrong, for people."}},
        "required": ["error"],
    },
)


def _describe(settings: HttpGatewaySettings) -> Operations:
    request = Request(
        summary="Say something for a person, and get what the flow shows as data",
        fields={
            "session_id": id_field(needed=True),
            "user_id": id_field(says="Who it is.", needed=True),
            "input": text_field(_MAX_INPUT, "A choice's key, its text or its number, or a text."),
            "msisdn": {**PHONE, "type": ["string", "null"], "minLength": 0},
            "name": text_field(_MAX_SHORT, "Of the person."),
            "email": text_field(_MAX_SHORT),
            "message_id": id_field(says="Sent again with the same it is not said again."),
            "media_url": id_field(_MAX_URL),
            "media_type": text_field(_MAX_SHORT, "What is not known is a document."),
            "mime_type": id_field(_MAX_SHORT),
        },
        needed=("session_id", "user_id"),
        example={"session_id": "s1", "user_id": "u1", "input": "hello", "message_id": "m1"},
        media_types=(JSON, FORM),
        replies={
            200: Reply(says="What the flow shows.", forms=(_ANSWER,)),
            400: Reply(says="Something is wrong with it.", forms=(_WRONG,)),
        },
    )
    return with_access(request, settings, in_header=True)


KIND: Final = GatewayKind("http", HttpGatewaySettings, HttpGateway, describe=_describe)
