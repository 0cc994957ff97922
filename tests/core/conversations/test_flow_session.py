"""The old place of the session of flows."""

from __future__ import annotations

from sessiond.core.conversations import flow_session as old
from sessiond.core.flows import flow_session


def test_both_places_name_the_same_thing() -> None:
    """Nothing is defined twice."""
    assert [getattr(old, name) for name in old.__all__] == [
        getattr(flow_session, name) for name in old.__all__
    ]
