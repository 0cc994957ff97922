"""What an update holds ("Getting updates", ``Update``): a message or a tap of a person in a private chat.

An update has an id and one other field, which names its kind. Everything but ``message`` and ``callback_query``
(edited messages, posts of channels, members who came and went …) becomes a notice under that name, and so does what
is said in groups: an answer would go to all of them, and a conversation is one person's.

What is no update is refused. An update whose message cannot be read is a notice (``malformed``): Telegram would send
it again and again, and keep newer ones back.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
from attrs import frozen
from msgspec import Raw, Struct

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.choice_ids import read_choice_id
from sessiond.core.gateways.pieces import UNREADABLE, decoded, json_of, malformed, name_of
from sessiond.gateways.telegram.answers import kind_of, read_answer
from sessiond.gateways.telegram.settings import TelegramSettings

__all__ = ["FROM_FUTURE", "GROUP", "PLATFORM", "TOO_OLD", "Origin", "callback_of", "read_update"]

PLATFORM: Final = "telegram"

#: Kinds of notices that are ours; the others are Telegram's names.
TOO_OLD: Final = "too_old"
FROM_FUTURE: Final = "from_future"
GROUP: Final = "group_message"

_PRIVATE: Final = "private"
_MAX_NAME: Final = 256
_MAX_LANGUAGE: Final = 35
_MAX_CALLBACK: Final = 128
_MAX_TIME: Final = 10**12

#: "Chat", "User": 64 bits hold it. Others could be heard, and not answered.
_Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


@frozen
class Origin:
    """Where and when an update arrived."""

    host: str
    path: str
    received_at: float


class _Chat(Struct):
    id: _Id
    type: str


class _User(Struct):
    id: _Id
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None


class _Replied(Struct):
    message_id: int


class _Message(Struct):
    message_id: int
    date: int
    chat: _Chat
    from_: _User | None = msgspec.field(name="from", default=None)
    reply_to_message: _Replied | None = None


class _Tapped(Struct):
    """The message whose button it was; ``MaybeInaccessibleMessage`` has no more for certain."""

    message_id: int
    chat: _Chat


class _Callback(Struct):
    id: str
    from_: _User = msgspec.field(name="from")
    message: _Tapped | None = None
    data: str | None = None


class _Where(Struct):
    """What is said of any update about whom it concerns."""

    chat: _Chat | None = None
    from_: _User | None = msgspec.field(name="from", default=None)


@frozen
class _Update:
    """An update, its body not read yet."""

    id: str
    kind: str
    raw: Raw
    settings: TelegramSettings
    origin: Origin


def read_update(body: bytes, settings: TelegramSettings, origin: Origin) -> Arrived:
    """Read an update.

    Raises:
      InvalidInput: it is none.

    """
    parts = decoded(body, dict[str, Raw]) or {}
    number = decoded(parts.pop("update_id", Raw(b"null")), int)
    if not parts or number is None or not -(2**63) <= number < 2**63:
        raise InvalidInput('telegram: the body is JSON with a number "update_id" and what happened')
    kind = next((one for one in _HEARD if one in parts), next(iter(parts)))
    update = _Update(str(number), kind, parts[kind], settings, origin)
    about = _about(update.raw)
    try:
        arrived = _happened(update)
    except (InvalidInput, *UNREADABLE):
        return malformed(update.raw, id=update.id, about=about)
    if isinstance(arrived, Heard):
        return arrived
    return Notice(kind=arrived, body=json_of(update.raw), id=update.id, about=about)


def callback_of(heard: Heard) -> str:
    """Give the id of the tap that an input was; empty: it was none."""
    return heard.id.partition(":")[2]


def _happened(update: _Update) -> Heard | str:
    """Read what happened, or name the kind of notice that it is."""
    read = _HEARD.get(update.kind)
    return name_of(update.kind) if read is None else read(update)


def _message(update: _Update) -> Heard | str:
    message = msgspec.json.decode(update.raw, type=_Message)
    if message.chat.type != _PRIVATE:
        return GROUP
    parts = msgspec.json.decode(update.raw, type=dict[str, Raw])
    answer = read_answer(parts)
    if answer is None:
        return kind_of(parts)
    if not 0 <= message.date < _MAX_TIME:
        raise InvalidInput("telegram: a message has a time")
    replied = message.reply_to_message
    return _misplaced(message.date, update) or Heard(
        facts=_facts(message.chat, update),
        answer=answer,
        id=update.id,
        sent_at=float(message.date),
        profile=_named(message.from_),
        language=_language(message.from_),
        replies_to="" if replied is None else str(replied.message_id),
    )


def _callback(update: _Update) -> Heard | str:
    """Read a tap on a button; those below messages sent through other chats, and games, are not ours."""
    callback = msgspec.json.decode(update.raw, type=_Callback)
    if callback.message is None or callback.data is None:
        return update.kind
    if callback.message.chat.type != _PRIVATE:
        return GROUP
    if not 1 <= len(callback.id) <= _MAX_CALLBACK or not callback.id.isascii():
        raise InvalidInput("telegram: a tap has an id")
    return Heard(
        facts=_facts(callback.message.chat, update),
        answer=read_choice_id(callback.data) or Answer(text=callback.data, numbered=False),
        id=f"{update.id}:{callback.id}",
        profile=_named(callback.from_),
        language=_language(callback.from_),
        replies_to=str(callback.message.message_id),
    )


_HEARD: Final[Mapping[str, Callable[[_Update], Heard | str]]] = {
    "message": _message,
    "callback_query": _callback,
}


def _facts(chat: _Chat, update: _Update) -> ChannelFacts:
    """Say who it is: the chat, which is where answers go. A private chat has the id of the person in it."""
    return ChannelFacts(
        platform=PLATFORM,
        gateway=update.settings.name,
        host=update.origin.host,
        path=update.origin.path,
        user_id=str(chat.id),
    )


def _named(user: _User | None) -> Mapping[str, str]:
    if user is None:
        return {}
    name = " ".join(filter(None, (user.first_name, user.last_name)))
    said = {"name": name, "username": user.username}
    return {key: value[:_MAX_NAME] for key, value in said.items() if value}


def _language(user: _User | None) -> str:
    """Give the language of the person's app, an IETF tag ("User")."""
    tag = (user and user.language_code) or ""
    is_tag = tag.isascii() and tag.replace("-", "").isalnum() and len(tag) <= _MAX_LANGUAGE
    return tag if is_tag else ""


def _about(raw: Raw) -> str:
    where = decoded(raw, _Where)
    if where is None:
        return ""
    found = where.chat or where.from_
    return "" if found is None else str(found.id)


def _misplaced(at: float, update: _Update) -> str:
    """Name the kind of a message that is too old, or too far in the future, to be run; empty: it is neither."""
    settings = update.settings
    age = update.origin.received_at - at
    if settings.max_age_seconds is not None and age > settings.max_age_seconds:
        return TOO_OLD
    if settings.max_ahead_seconds is not None and -age > settings.max_ahead_seconds:
        return FROM_FUTURE
    return ""
