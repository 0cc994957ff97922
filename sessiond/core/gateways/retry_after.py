"""``Retry-After`` (RFC 9110, 10.2.3): how long to wait, as a number of seconds or as a date.

A date is counted from the answer's own ``Date``: our clock is not the provider's.
"""

from datetime import datetime
from typing import Final

from sessiond.core.gateways.messages import ProviderResponse

__all__ = ["LONGEST_WAIT", "retry_after"]

#: Nobody means more than a day.
LONGEST_WAIT: Final = 86_400.0

#: ``IMF-fixdate`` (RFC 9110, 5.6.7), which everybody writes.
_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"


def retry_after(response: ProviderResponse) -> float | None:
    """Say how many seconds the provider asks us to wait; ``None``: it does not say, or not so that it can be read."""
    after = response.headers.get("retry-after", "").strip()
    if after.isascii() and after.isdigit():
        return min(float(after[:9]), LONGEST_WAIT)
    at, now = _date(after), _date(response.headers.get("date", ""))
    if at is None or now is None:
        return None
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _DATE)  # noqa: DTZ007 -- only told apart from one of the same zone
    except ValueError:
        return None
