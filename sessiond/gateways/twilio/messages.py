"""One message of a person, read ("Twilio's request to your incoming message webhook URL").

It does not say when it was sent. Of several media each is an input of its own, in order, for an answer has one: the
first has the message's id and text, the others the id and a number. What is signed by Twilio and cannot be read is a
notice (``malformed``), for nothing would send it again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from sessiond.core.conversations.phone import e164
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.choice_ids import read_choice_id
from sessiond.core.gateways.fields import Fields
from sessiond.core.gateways.pieces import MALFORMED, name_of
from sessiond.gateways.twilio.form import as_json
from sessiond.gateways.twilio.settings import SMS, WHATSAPP, WHATSAPP_PREFIX, TwilioSettings

__all__ = ["NO_NUMBER", "OPTED_OUT", "OTHER_CHANNEL", "Origin", "person_of", "read_message"]

#: Kinds of notices that are ours; the others are Twilio's names.
OTHER_CHANNEL: Final = "other_channel"
OPTED_OUT: Final = "opted_out"
NO_NUMBER: Final = "no_number"

_MAX_BODY: Final = 65_536
_MAX_ADDRESS: Final = 320
_MAX_NAME: Final = 256
_MAX_URL: Final = 2_048
_MAX_MEDIA: Final = 16

_COUNT: Final = re.compile(r"[0-9]{0,2}")
_DEGREES: Final = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,20})?")
#: Business-scoped user ids of WhatsApp: people behind a user name have no number.
_SCOPED_ID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")

#: ``MessageType`` of messages that are their text; of the others it names what could not be read here.
_TEXTS: Final = frozenset({"", "text", "button", "interactive"})
_STICKER: Final = "sticker"


@frozen
class Origin:
    """Where a webhook arrived."""

    host: str
    path: str


def read_message(
    fields: Fields, sid: str, settings: TwilioSettings, origin: Origin
) -> Sequence[Arrived]:
    """Read the message *sid*: what it says, or a notice of it."""
    about = ""
    try:
        sender = fields.needed("From", longest=_MAX_ADDRESS)
        about = person_of(sender)
        kind = _notice_of(fields, sender, settings)
        answers = () if kind else _answers(fields, settings)
        if answers:
            facts = _facts(about, settings, origin)
            return [_heard(fields, sid, number, facts, one) for number, one in enumerate(answers)]
        kind = kind or name_of(_message_type(fields))
    except InvalidInput:
        kind = MALFORMED
    return [Notice(kind=kind, body=as_json(fields), id=sid, about=about)]


def person_of(address: str) -> str:
    """Say whom an address is of, as ``Heard.facts`` does: a number in E.164, or WhatsApp's id; empty: nobody's."""
    written = address.removeprefix(WHATSAPP_PREFIX).strip()
    try:
        return e164(written)
    except InvalidInput:
        return written if _SCOPED_ID.fullmatch(written) else ""


def _notice_of(fields: Fields, sender: str, settings: TwilioSettings) -> str:
    """Name the kind of a message that is told of and not run; empty: it is run."""
    if _platform_of(sender) != settings.platform:
        return OTHER_CHANNEL
    if (fields.text("OptOutType", longest=16) or "").upper() == "STOP":
        return OPTED_OUT  # Twilio has answered it, and takes no message for them any more.
    return "" if person_of(sender) else NO_NUMBER


def _platform_of(address: str) -> str:
    channel, colon, _ = address.partition(":")
    if not colon:
        return SMS
    return WHATSAPP if f"{channel}:" == WHATSAPP_PREFIX else channel


def _heard(fields: Fields, sid: str, number: int, facts: ChannelFacts, answer: Answer) -> Heard:
    return Heard(
        facts=facts,
        answer=answer,
        id=f"{sid}/{number}" if number else sid,
        profile=_profile(fields),
        replies_to=fields.id("OriginalRepliedMessageSid"),
    )


def _facts(person: str, settings: TwilioSettings, origin: Origin) -> ChannelFacts:
    is_number = person.startswith("+")
    return ChannelFacts(
        platform=settings.platform,
        gateway=settings.name,
        host=origin.host,
        path=origin.path,
        msisdn=person if is_number else "",
        user_id="" if is_number else person,
    )


def _profile(fields: Fields) -> Mapping[str, str]:
    name = (fields.text("ProfileName", longest=_MAX_BODY) or "")[:_MAX_NAME]
    return {"name": name} if name else {}


def _answers(fields: Fields, settings: TwilioSettings) -> Sequence[Answer]:
    """Read what it says; nothing: nothing that answers a question."""
    body = fields.text("Body", longest=_MAX_BODY) or ""
    tapped = (
        fields.text("ButtonPayload", longest=_MAX_BODY)
        or fields.text("ListId", longest=_MAX_BODY)
        or fields.text("ButtonText", longest=_MAX_BODY)
    )
    if tapped:
        return [read_choice_id(tapped) or Answer(text=tapped, numbered=False)]
    if fields.text("Latitude", longest=32) is not None:
        return [Answer(location=_location(fields))]
    count = fields.text("NumMedia", longest=8) or ""
    if _COUNT.fullmatch(count) is None or int(count or 0) > _MAX_MEDIA:
        raise InvalidInput("twilio: NumMedia is a small number")
    if int(count or 0):
        return [_media(fields, number, "" if number else body) for number in range(int(count))]
    if settings.platform == SMS or body or _message_type(fields) in _TEXTS:
        return [Answer(text=body)]
    return []


def _message_type(fields: Fields) -> str:
    return (fields.text("MessageType", longest=64) or "").lower()


def _media(fields: Fields, number: int, caption: str) -> Answer:
    url = fields.needed(f"MediaUrl{number}", longest=_MAX_URL)
    mime_type = (fields.text(f"MediaContentType{number}", longest=256) or "").lower()
    attachment = Attachment(
        kind=_kind_of(mime_type, _message_type(fields)),
        id=url.partition("?")[0].rpartition("/")[2],
        url=url,
        mime_type=mime_type,
        caption=caption,
    )
    return Answer(text=caption, attachment=attachment)


def _kind_of(mime_type: str, message_type: str) -> AttachmentKind:
    if message_type == _STICKER:
        return AttachmentKind.STICKER
    family = mime_type.partition("/")[0]
    kinds = {
        "image": AttachmentKind.IMAGE,
        "audio": AttachmentKind.AUDIO,
        "video": AttachmentKind.VIDEO,
    }
    return kinds.get(family, AttachmentKind.DOCUMENT)


def _location(fields: Fields) -> Location:
    latitude = _degrees(fields.text("Latitude", longest=32), 90)
    longitude = _degrees(fields.text("Longitude", longest=32), 180)
    return Location(
        latitude=latitude,
        longitude=longitude,
        name=fields.text("Label", longest=_MAX_BODY) or "",
        address=fields.text("Address", longest=_MAX_BODY) or "",
    )


def _degrees(text: str | None, most: int) -> float:
    if text is None or _DEGREES.fullmatch(text) is None or abs(float(text)) > most:
        raise InvalidInput("twilio: a place is on Earth")
    return float(text)
