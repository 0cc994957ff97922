"""One message of a person, read: who, when, and what it answers."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from sessiond.core.conversations.phone import e164
from sessiond.core.conversations.session_keys import MAX_IDENTIFIER, ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.pieces import (
    UNREADABLE,
    decoded,
    json_of,
    malformed,
    name_of,
    person_of,
    seconds_of,
)
from sessiond.core.ids import MAX_INPUT_ID_BYTES
from sessiond.core.values import Value
from sessiond.gateways.whatsapp.answers import read_answer
from sessiond.gateways.whatsapp.settings import WhatsAppSettings

__all__ = [
    "FROM_FUTURE",
    "GROUP",
    "PLATFORM",
    "TOO_OLD",
    "Around",
    "Origin",
    "People",
    "people_of",
    "read_message",
]

PLATFORM: Final = "whatsapp"

#: Kinds of notices that are ours; the others are Meta's names.
TOO_OLD: Final = "too_old"
FROM_FUTURE: Final = "from_future"
GROUP: Final = "group_message"

_MAX_NAME: Final = 256


class _Profile(Struct):
    name: str | None = None
    username: str | None = None


class _Sender(Struct):
    wa_id: str | None = None
    user_id: str | None = None
    profile: _Profile | None = None


class _Context(Struct):
    id: str | None = None


class _Message(Struct):
    id: str
    timestamp: str | int
    type: str
    from_: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    context: _Context | None = None
    group_id: str | None = None


People = Mapping[str, _Sender]


class Origin(Value, frozen=True):
    """Where and when a webhook arrived."""

    host: str
    path: str
    received_at: float


class Around(Value, frozen=True):
    """What is said of all messages of one change."""

    settings: WhatsAppSettings
    origin: Origin
    people: People


def people_of(contacts: Sequence[Raw]) -> People:
    """Index whom messages are from, by each of their ids; who cannot be read has no name."""
    found: dict[str, _Sender] = {}
    for raw in contacts:
        sender = decoded(raw, _Sender)
        if sender is None:
            continue
        for one in (sender.wa_id, sender.user_id):
            if one:
                found[one] = sender
    return found


def read_message(raw: Raw, around: Around) -> tuple[float | None, Arrived]:
    """Read one of ``messages[]``, with its time."""
    message = decoded(raw, _Message)
    if message is None:
        return None, malformed(raw)
    at = seconds_of(message.timestamp)
    sender = _sender(message, around.people)
    try:
        arrived = _heard(message, raw, at, sender, around)
    except (InvalidInput, *UNREADABLE):
        return at, malformed(raw, id=message.id, about=_about(sender))
    if isinstance(arrived, Heard):
        return at, arrived
    return at, Notice(kind=arrived, body=json_of(raw), id=message.id, about=_about(sender))


def _about(sender: _Sender) -> str:
    return person_of(sender.wa_id, sender.user_id)


def _heard(
    message: _Message, raw: Raw, at: float | None, sender: _Sender, around: Around
) -> Heard | str:
    """Read the message, or name the kind of notice that it is."""
    if message.group_id:
        return GROUP  # Its answer would go to one person alone.
    answer = read_answer(message.type, raw)
    if answer is None:
        return name_of(message.type)
    if at is None or not 1 <= len(message.id.encode()) <= MAX_INPUT_ID_BYTES:
        raise InvalidInput("whatsapp: a message has an id and a time")
    return _misplaced(at, around) or Heard(
        facts=_facts(sender, around),
        answer=answer,
        id=message.id,
        sent_at=at,
        profile=_named(sender.profile),
        replies_to=(message.context and message.context.id) or "",
    )


def _sender(message: _Message, people: People) -> _Sender:
    """Join what the message says of its sender with the contacts beside it."""
    known = people.get(message.from_ or "") or people.get(message.from_user_id or "") or _Sender()
    return _Sender(
        wa_id=message.from_ or known.wa_id,
        user_id=message.from_user_id or known.user_id,
        profile=known.profile,
    )


def _facts(sender: _Sender, around: Around) -> ChannelFacts:
    """Say who it is: the number, and the business-scoped id, which is all there is behind a user name.

    Cloud API reference, "Business-scoped user IDs" (2026): ``from`` and ``wa_id`` may be missing.
    """
    user_id = sender.user_id or ""
    if not (sender.wa_id or user_id) or len(user_id.encode()) > MAX_IDENTIFIER:
        raise InvalidInput("whatsapp: a message has a sender")
    return ChannelFacts(
        platform=PLATFORM,
        gateway=around.settings.name,
        host=around.origin.host,
        path=around.origin.path,
        msisdn=e164(sender.wa_id) if sender.wa_id else "",
        user_id=user_id,
    )


def _named(profile: _Profile | None) -> Mapping[str, str]:
    if profile is None:
        return {}
    said = {"name": profile.name, "username": profile.username}
    return {key: value[:_MAX_NAME] for key, value in said.items() if value}


def _misplaced(at: float, around: Around) -> str:
    """Name the kind of a message that is too old, or too far in the future, to be run; empty: it is neither."""
    age = around.origin.received_at - at
    settings = around.settings
    if settings.max_age_seconds is not None and age > settings.max_age_seconds:
        return TOO_OLD
    if settings.max_ahead_seconds is not None and -age > settings.max_ahead_seconds:
        return FROM_FUTURE
    return ""
