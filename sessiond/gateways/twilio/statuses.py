"""What Twilio says became of our messages ("Track outbound message status").

Our calls name themselves in the query of ``StatusCallback``, which Twilio calls, and signs, with it.
"""

import re
from typing import Final
from urllib.parse import quote

from sessiond.core.gateways.arrivals import Arrived, Notice, StatusUpdate
from sessiond.core.gateways.fields import Fields
from sessiond.core.gateways.pieces import name_of
from sessiond.gateways.twilio.form import as_json
from sessiond.gateways.twilio.messages import person_of

__all__ = ["REFERENCE", "callback_url", "read_status"]

#: The query parameter that names our message.
REFERENCE: Final = "reference"

#: Twilio's states that are ours; the others (queued, sending, accepted, scheduled, canceled …) are notices.
_STATES: Final = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}
_CODE: Final = re.compile(r"[0-9]{1,9}")
_MAX_TEXT: Final = 4_096
_MAX_ERROR: Final = 500


def callback_url(status_url: str, reference: str) -> str:
    """Write where the statuses of the message *reference* go."""
    if not reference:
        return status_url
    mark = "&" if "?" in status_url else "?"
    return f"{status_url}{mark}{REFERENCE}={quote(reference, safe='')}"


def read_status(fields: Fields, sid: str, reference: str) -> Arrived:
    """Read what became of the message *sid*.

    Raises:
      InvalidInput: a field is no text, or endless.

    """
    status = (fields.text("MessageStatus", longest=64) or "").lower()
    recipient = person_of(fields.text("To", longest=_MAX_TEXT) or "")
    if status not in _STATES:
        kind = f"status_{name_of(status)}"
        return Notice(kind=kind, body=as_json(fields), id=sid, about=recipient)
    code = fields.text("ErrorCode", longest=_MAX_TEXT) or ""
    error = (
        fields.text("ErrorMessage", longest=_MAX_TEXT)
        or fields.text("ChannelStatusMessage", longest=_MAX_TEXT)
        or ""
    )
    return StatusUpdate(
        id=sid,
        state=_STATES[status],
        recipient=recipient,
        error_code=int(code) if _CODE.fullmatch(code) and int(code) else None,
        error=error[:_MAX_ERROR],
        reference=reference,
    )
