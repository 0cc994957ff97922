"""When a token runs out, read from the token itself; its signature is the server's business."""

import base64
import json

__all__ = ["seconds_until_refresh"]

#: A token is renewed this long before it expires, or at nine tenths of what is left of a short one.
LEAD_SECONDS = 60.0


def seconds_until_refresh(token: str, now: float) -> float | None:
    """Return how long after *now* (Unix time) to fetch a new token; ``None`` when the token does not say."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        left = float(claims["exp"]) - now
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return max(0.0, left - min(LEAD_SECONDS, left / 10))
