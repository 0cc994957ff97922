"""What Meta's webhooks hold, read: messages, statuses, and notices of everything else.

Cloud API reference, "Webhooks": ``entry[]`` › ``changes[]`` › ``value`` with ``messages[]`` or ``statuses[]``. One
request holds what has gathered: every entry, change and message is read (fault 6), in the order of their times.

A body that is no webhook of Meta's is refused as a whole. What is wrong with one message in it does not harm the
others: Meta would send all of them again for days, so that one becomes a notice (``malformed``).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Raw, Struct

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.gateways.arrivals import Arrived, Notice
from sessiond.core.gateways.pieces import decoded, json_of, malformed, name_of
from sessiond.gateways.whatsapp.messages import Around, Origin, people_of, read_message
from sessiond.gateways.whatsapp.settings import WhatsAppSettings
from sessiond.gateways.whatsapp.statuses import read_status

__all__ = ["OTHER_NUMBER", "read_webhook"]

#: The kind of notices of what was for other numbers, in a request that held something for ours too.
OTHER_NUMBER: Final = "other_number"

#: Another tenant's words are not ours to keep.
_NOT_OURS: Final = Notice(kind=OTHER_NUMBER, body=b"{}")

#: The field that has messages and statuses.
_MESSAGES: Final = "messages"

#: When it happened, if that is said; and what.
_Timed = tuple[float | None, Arrived]


class _Envelope(Struct):
    object: str
    entry: list[Raw]


class _Entry(Struct):
    changes: list[Raw]
    id: str = ""


class _Change(Struct):
    field: str
    value: Raw


class _Metadata(Struct):
    phone_number_id: str


class _Value(Struct):
    metadata: _Metadata | None = None


class _Messages(Struct):
    contacts: list[Raw] | None = None
    messages: list[Raw] | None = None
    statuses: list[Raw] | None = None
    errors: list[Raw] | None = None


def read_webhook(body: bytes, settings: WhatsAppSettings, origin: Origin) -> Sequence[Arrived]:
    """Read everything that *body* holds for our number, in the order of time; of one second, in that of the body.

    Raises:
      InvalidInput: it is no webhook of WhatsApp.
      Refused: ``forbidden``: all of it is for other numbers.

    """
    envelope = decoded(body, _Envelope)
    if envelope is None:
        raise InvalidInput('whatsapp: the body is JSON with "object" and a list "entry"')
    if envelope.object != "whatsapp_business_account":
        raise InvalidInput("whatsapp: the webhook is about another object than a business account")
    found = [one for entry in envelope.entry for one in _entry(entry, settings, origin)]
    if found and all(one is _NOT_OURS for _, one in found):
        raise Refused(ErrorCode.FORBIDDEN, "whatsapp: the webhook is for another number")
    return _in_order_of_time(found)


def _in_order_of_time(found: Sequence[_Timed]) -> Sequence[Arrived]:
    """Sort, stably; what has no time stays behind what it came after."""
    latest, timed = 0.0, []
    for at, one in found:
        latest = latest if at is None else at
        timed.append((latest, one))
    timed.sort(key=lambda pair: pair[0])
    return [one for _, one in timed]


def _entry(raw: Raw, settings: WhatsAppSettings, origin: Origin) -> Iterator[_Timed]:
    entry = decoded(raw, _Entry)
    if entry is None:
        yield None, malformed(raw)
        return
    if settings.business_account_id not in {"", entry.id}:
        yield None, _NOT_OURS
        return
    for one in entry.changes:
        change = decoded(one, _Change)
        if change is None:
            yield None, malformed(one)
        else:
            yield from _change(change, settings, origin)


def _change(change: _Change, settings: WhatsAppSettings, origin: Origin) -> Iterator[_Timed]:
    value = decoded(change.value, _Value)
    metadata = None if value is None else value.metadata
    if metadata is not None and metadata.phone_number_id != settings.phone_number_id:
        yield None, _NOT_OURS
    elif change.field != _MESSAGES:
        yield None, Notice(kind=name_of(change.field), body=json_of(change.value))
    elif metadata is None:
        yield None, malformed(change.value)
    else:
        yield from _messages(change.value, settings, origin)


def _messages(raw: Raw, settings: WhatsAppSettings, origin: Origin) -> Iterator[_Timed]:
    value = decoded(raw, _Messages)
    if value is None:
        yield None, malformed(raw)
        return
    around = Around(settings, origin, people_of(value.contacts or ()))
    for one in value.messages or ():
        yield read_message(one, around)
    for one in value.statuses or ():
        yield read_status(one)
    for one in value.errors or ():
        yield None, Notice(kind="errors", body=json_of(one))
