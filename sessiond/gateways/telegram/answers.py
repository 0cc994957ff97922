"""What a message says ("Message"): one of its optional fields is what was sent."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.gateways.pieces import name_of
from sessiond.gateways.telegram.settings import LIMITS

__all__ = ["kind_of", "read_answer"]


class _File(Struct):
    file_id: str
    mime_type: str | None = None
    file_name: str | None = None
    width: int = 0
    height: int = 0


class _Location(Struct):
    latitude: float
    longitude: float


class _Venue(Struct):
    location: _Location
    title: str | None = None
    address: str | None = None


class _Contact(Struct):
    phone_number: str
    first_name: str | None = None
    last_name: str | None = None


def _text(said: str, _: str) -> Answer:
    """Take a text: a title or key first, a number after these, for buttons show none; before keys, where the choices
    are lines.
    """
    return Answer(text=said, numbered=False, numbered_from=LIMITS.buttons + 1)


def _media(kind: AttachmentKind, mime_type: str = "") -> Callable[[_File, str], Answer]:
    def read(said: _File, caption: str) -> Answer:
        attachment = Attachment(
            kind=kind,
            id=said.file_id,
            mime_type=said.mime_type or mime_type,
            filename=said.file_name or "",
            caption=caption,
        )
        return replace(_text(caption, ""), attachment=attachment)

    return read


_photo: Final = _media(AttachmentKind.IMAGE, "image/jpeg")


def _largest(said: list[_File], caption: str) -> Answer:
    """Take the largest of the sizes that a photo comes in."""
    if not said:
        raise InvalidInput("telegram: a photo has a size")
    return _photo(max(said, key=lambda one: one.width * one.height), caption)


def _location(said: _Location, _: str) -> Answer:
    return Answer(location=_place(said))


def _venue(said: _Venue, _: str) -> Answer:
    return Answer(location=_place(said.location, said.title or "", said.address or ""))


def _place(said: _Location, name: str = "", address: str = "") -> Location:
    if not (-90 <= said.latitude <= 90 and -180 <= said.longitude <= 180):
        raise InvalidInput("telegram: a place is on Earth")
    return Location(latitude=said.latitude, longitude=said.longitude, name=name, address=address)


def _contact(said: _Contact, _: str) -> Answer:
    name = " ".join(filter(None, (said.first_name, said.last_name)))
    return Answer(contact=Contact(name=name, phones=(said.phone_number,)))


_Reader = tuple[Any, Callable[[Any, str], Answer]]

#: By field: its form, and what it says. A venue has a location beside it, an animation a document: they come first.
_READERS: Final[Mapping[str, _Reader]] = {
    "text": (str, _text),
    "photo": (list[_File], _largest),
    "animation": (_File, _media(AttachmentKind.VIDEO)),
    "document": (_File, _media(AttachmentKind.DOCUMENT)),
    "audio": (_File, _media(AttachmentKind.AUDIO)),
    "voice": (_File, _media(AttachmentKind.AUDIO)),
    "video": (_File, _media(AttachmentKind.VIDEO)),
    "video_note": (_File, _media(AttachmentKind.VIDEO, "video/mp4")),
    "sticker": (_File, _media(AttachmentKind.STICKER)),
    "venue": (_Venue, _venue),
    "location": (_Location, _location),
    "contact": (_Contact, _contact),
}

#: What any message has around that.
_AROUND: Final = frozenset(
    {
        "message_id", "date", "chat", "from", "sender_chat", "reply_to_message", "external_reply", "quote",
        "via_bot", "edit_date", "has_protected_content", "media_group_id", "author_signature", "entities",
        "link_preview_options", "effect_id", "caption", "caption_entities", "reply_markup", "forward_origin",
        "is_automatic_forward", "message_thread_id", "is_topic_message", "show_caption_above_media",
        "has_media_spoiler", "business_connection_id", "is_from_offline", "sender_business_bot",
        "sender_boost_count",
    }
)  # fmt: skip


def read_answer(parts: Mapping[str, Raw]) -> Answer | None:
    """Read what a message of these fields says; ``None``: nothing that answers a question (dice, polls, calls …).

    Raises:
      msgspec.MsgspecError: what was sent has another form than Telegram's.
      InvalidInput: likewise.

    """
    for name, (form, read) in _READERS.items():
        if name in parts:
            caption = msgspec.json.decode(parts.get("caption", Raw(b'""')), type=str | None)
            return read(msgspec.json.decode(parts[name], type=form), caption or "")
    return None


def kind_of(parts: Mapping[str, Raw]) -> str:
    """Name what a message is that says nothing: by its first field that is not around every message."""
    return name_of(next((name for name in parts if name not in _AROUND), "message"))
