"""What a message says, by its kind (Cloud API reference, "Messages webhook": one object named as the type).

A tap on a button of ours is the choice and its screen. Buttons of others (templates, messages that another program
sent) come as their payload or id, as if it had been typed: it is matched by title, key and number, and starts flows.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.gateways.choice_ids import read_choice_id
from sessiond.gateways.whatsapp.settings import LIMITS

__all__ = ["KINDS", "read_answer"]


class _Text(Struct):
    body: str


class _Reply(Struct):
    id: str
    title: str | None = None


class _Form(Struct):
    response_json: str


class _Interactive(Struct):
    type: str
    button_reply: _Reply | None = None
    list_reply: _Reply | None = None
    nfm_reply: _Form | None = None


class _Button(Struct):
    payload: str | None = None
    text: str | None = None


class _Media(Struct):
    id: str
    mime_type: str | None = None
    caption: str | None = None
    filename: str | None = None
    url: str | None = None


class _Location(Struct):
    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None


class _Name(Struct):
    formatted_name: str | None = None
    first_name: str | None = None


class _Phone(Struct):
    phone: str | None = None
    wa_id: str | None = None


class _Card(Struct):
    name: _Name | None = None
    phones: list[_Phone] | None = None


def _text(said: _Text) -> Answer:
    return _typed(said.body)


def _interactive(said: _Interactive) -> Answer | None:
    """Forms (WhatsApp Flows) come as their JSON: ``parse=json.loads`` reads it."""
    if said.type == "nfm_reply" and said.nfm_reply is not None:
        return _typed(said.nfm_reply.response_json)
    reply = {"button_reply": said.button_reply, "list_reply": said.list_reply}.get(said.type)
    return None if reply is None else _tapped(reply.id or reply.title or "")


def _button(said: _Button) -> Answer:
    return _tapped(said.payload or said.text or "")


def _media(kind: AttachmentKind) -> Callable[[_Media], Answer]:
    def read(said: _Media) -> Answer:
        attachment = Attachment(
            kind=kind,
            id=said.id,
            url=said.url or "",
            mime_type=said.mime_type or "",
            filename=said.filename or "",
            caption=said.caption or "",
        )
        return replace(_typed(said.caption or ""), attachment=attachment)

    return read


def _location(said: _Location) -> Answer:
    if not (-90 <= said.latitude <= 90 and -180 <= said.longitude <= 180):
        raise msgspec.ValidationError("a place on Earth")
    return Answer(
        location=Location(
            latitude=said.latitude,
            longitude=said.longitude,
            name=said.name or "",
            address=said.address or "",
        )
    )


def _contacts(said: list[_Card]) -> Answer | None:
    """Read the first card: a question asks for one."""
    if not said:
        return None
    card = said[0]
    name = (card.name and (card.name.formatted_name or card.name.first_name)) or ""
    phones = tuple(one for phone in card.phones or () if (one := phone.phone or phone.wa_id))
    return Answer(contact=Contact(name=name, phones=phones))


def _typed(text: str) -> Answer:
    """Take a text: a title or key first, a number after these, for buttons and lists show none; before keys, where the
    choices are lines.
    """
    return Answer(text=text, numbered=False, numbered_from=LIMITS.rows + 1)


def _tapped(text: str) -> Answer:
    return read_choice_id(text) or _typed(text)


_Reads = tuple[Any, Callable[[Any], Answer | None]]

_MEDIA_FORMS: Final[Mapping[str, _Reads]] = {
    kind.value: (_Media, _media(kind)) for kind in AttachmentKind
}

#: By type: the form of the object, and what it says. Every other type is a notice.
_FORMS: Final[Mapping[str, _Reads]] = {
    "text": (_Text, _text),
    "interactive": (_Interactive, _interactive),
    "button": (_Button, _button),
    "location": (_Location, _location),
    "contacts": (list[_Card], _contacts),
    **_MEDIA_FORMS,
}

#: By type: what finds that object in a message, and what it says.
_READERS: Final = {
    kind: (msgspec.json.Decoder(msgspec.defstruct("_Saying", [(kind, form)])).decode, read)
    for kind, (form, read) in _FORMS.items()
}

#: The types that are read.
KINDS: Final = tuple(_READERS)


def read_answer(kind: str, raw: bytes) -> Answer | None:
    """Read what a message of type *kind* says; ``None``: nothing that answers a question (reactions, orders …).

    Raises:
      msgspec.MsgspecError: the message has no object of that name, or one of another form.

    """
    reader = _READERS.get(kind)
    if reader is None:
        return None
    decode, read = reader
    return read(getattr(decode(raw), kind))
