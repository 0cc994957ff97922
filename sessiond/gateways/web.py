"""The websocket chat: the events ``flow:say``, ``flow:start`` and ``flow:remind`` of the user's topic.

``flow:say``     ``{"text"}``, a tap ``{"choice", "screen"?}``, ``{"attachment"}``, ``{"location"}`` or ``{"contact"}``
``flow:start``   ``{"flow"}``: start this flow, ending the one that runs
``flow:remind``  ``{}``: show the waiting question again

``"language"?`` of the first two is what the person speaks, a tag such as ``fr-CA``: a flow that starts speaks it.
The reply is what the conversation shows (core/conversations/shown.py); what comes later, of functions that flows run,
is a durable push ``flow:output`` of the same form.
"""

from typing import Any, Final

import msgspec

from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.ids import Digest, UserId

__all__ = ["FLOW_EVENTS", "read_flow_event"]

_SAY: Final = "flow:say"
_START: Final = "flow:start"
_REMIND: Final = "flow:remind"

FLOW_EVENTS: Final = frozenset({_SAY, _START, _REMIND})

#: The name of this door, as platform and gateway.
_WEBSOCKET: Final = "websocket"


class _Say(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    choice: str | None = None
    screen: str | None = None
    attachment: Attachment | None = None
    location: Location | None = None
    contact: Contact | None = None
    numbered: bool = True
    language: str = ""


class _Start(msgspec.Struct, forbid_unknown_fields=True):
    flow: str
    language: str = ""


class _Remind(msgspec.Struct, forbid_unknown_fields=True):
    pass


def read_flow_event(event: str, payload: Any, user: UserId, digest: Digest | None) -> Said:
    """Make the input of one of ``FLOW_EVENTS``.

    Raises:
      InvalidInput: the payload has not the form at the top of this module; values are not repeated.

    """
    facts = ChannelFacts(platform=_WEBSOCKET, gateway=_WEBSOCKET, user_id=user)
    if event == _START:
        started = _read(event, payload, _Start)
        return Said(facts, Answer(), digest, flow=started.flow, language=started.language)
    if event == _REMIND:
        _read(event, payload, _Remind)
        return Said(facts, Answer(), digest, reminds=True)
    said = _read(event, payload, _Say)
    if said.attachment is not None and said.attachment.account:
        raise InvalidInput(f"{event}: what is sent here came by no account")
    parts = (said.text or None, said.choice, said.attachment, said.location, said.contact)
    if sum(part is not None for part in parts) > 1:
        raise InvalidInput(
            f"{event} has one of: text, choice, attachment, location, contact (a caption belongs to its attachment)"
        )
    answer = Answer(
        text=said.text,
        choice=said.choice,
        screen=said.screen,
        attachment=said.attachment,
        location=said.location,
        contact=said.contact,
        numbered=said.numbered,
    )
    return Said(facts, answer, digest, language=said.language)


def _read(event: str, payload: Any, kind: type[Any]) -> Any:
    if not isinstance(payload, dict):
        raise InvalidInput(f"the payload of {event} is an object")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{event}: {_problem(str(error), kind)}") from None


def _problem(text: str, kind: type[Any]) -> str:
    """Say what is wrong, and where, without a word of what was sent: msgspec repeats names and some values."""
    if text.startswith("Object contains unknown field"):
        known = ", ".join(kind.__struct_fields__)
        return f"an unknown field (known: {known or 'none'})"
    what, separator, place = text.rpartition(" - at ")
    if what.startswith("Invalid enum value"):  # the kind of an attachment is the only one
        what = f"Invalid enum value (known: {', '.join(AttachmentKind)})"
    return f"{what}{separator}{place}"
