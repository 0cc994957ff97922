"""How long providers ask us to wait (sessiond/core/gateways/retry_after.py)."""

import pytest

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.retry_after import retry_after

NOW = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("9" * 40, 86_400.0),
        ("Wed, 21 Oct 2015 07:30:00 GMT", 120.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400.0),
    ],
)
def test_seconds_and_dates_are_read(after: str, seconds: float) -> None:
    """Both forms, bounded; a date is counted from the answer's own."""
    response = ProviderResponse(status=503, headers={"retry-after": after, "date": NOW})

    assert seconds == retry_after(response)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": ""},
        {"retry-after": "soon", "date": NOW},
        {"retry-after": "-5", "date": NOW},
        {"retry-after": "1.5", "date": NOW},
        {"retry-after": "\u0663", "date": NOW},
        {"retry-after": "Wed, 99 Oct 2015 07:30:00 GMT", "date": NOW},
        {"retry-after": "Wed, 21 Oct 2015 07:30:00 -0000", "date": NOW},
        {"retry-after": "Wed, 21 Oct 2015 07:30:00 GMT"},
        {"retry-after": "Wed, 21 Oct 2015 07:30:00 GMT", "date": "today"},
    ],
)
def test_what_cannot_be_read_says_nothing(headers: dict[str, str]) -> None:
    """Then the back-off decides."""
    assert retry_after(ProviderResponse(status=429, headers=headers)) is None
