"""What any request may be answered before a door sees it; by ``http1.py`` and ``listen.py``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sessiond.core.described import RETRY_AFTER, Reply, failure

__all__ = ["LOOP_REPLIES"]

LOOP_REPLIES: Final[Mapping[int, Reply]] = MappingProxyType(
    {
        400: failure("It is not HTTP/1.1 as it should be."),
        408: failure("It came too slowly."),
        413: failure("The body is larger than `http.body_bytes`."),
        431: failure("The head is larger than `http.head_bytes`."),
        500: failure("Our bug; it is logged on our side."),
        501: failure("The transfer coding is not `chunked`."),
        503: failure(
            "This server has as many connections as it may have (`accept.connections`).",
            RETRY_AFTER,
        ),
    }
)
"""By status."""
