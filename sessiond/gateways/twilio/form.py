"""What a request of Twilio's holds: a form, or the same names as a JSON object.

"Parameters are added without notice": what is not known is kept for the signature, and not looked at.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.fields import FORM, Fields
from sessiond.core.gateways.messages import ProviderRequest
from sessiond.core.gateways.pieces import decoded

__all__ = ["Pairs", "as_json", "fields_of", "read_pairs"]

Pairs = Sequence[tuple[str, str]]

_MAX_FIELDS: Final = 256


def read_pairs(body: bytes) -> Pairs | None:
    """Read a form, blanks and empty values kept; ``None``: it is none."""
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        return None


def fields_of(request: ProviderRequest) -> Fields:
    """Read the fields of a checked request; of a name that came twice, the first.

    Raises:
      InvalidInput: it is neither a form nor a JSON object.

    """
    if request.media_type == FORM:
        pairs = read_pairs(request.body)
        found: dict[str, Any] | None = None if pairs is None else dict(reversed(pairs))
    else:
        found = decoded(request.body, dict[str, Any])
    if found is None:
        raise InvalidInput("twilio: the body is neither a form nor a JSON object")
    return Fields(found)


def as_json(fields: Fields) -> bytes:
    """Give all fields for a notice."""
    return msgspec.json.encode(dict(sorted(fields.values.items())))
