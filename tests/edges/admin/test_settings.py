"""Bounds of the admin socket's settings."""

import pytest
from attrs import evolve

from sessiond.edges.admin.settings import AdminSettings


@pytest.mark.parametrize("name", ["max_clients", "watch_queue", "request_seconds"])
def test_nothing_is_unbounded_or_zero(name: str) -> None:
    """Zero clients, events or seconds would be a socket that does nothing."""
    with pytest.raises(ValueError, match=name):
        evolve(AdminSettings(), **{name: 0})
