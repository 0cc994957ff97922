"""Bounds of the admin socket's settings."""

import pytest

from sessiond.core.structuring import InvalidShape, structure
from sessiond.edges.admin.settings import AdminSettings


@pytest.mark.parametrize("name", ["max_clients", "watch_queue", "request_seconds"])
def test_nothing_is_unbounded_or_zero(name: str) -> None:
    """Zero clients, events or seconds would be a socket that does nothing."""
    with pytest.raises(InvalidShape, match=name):
        structure({name: 0}, AdminSettings)
