"""The table of telemetry events."""

import re

import pytest

from sessiond.telemetry import EVENTS, Event
from sessiond.telemetry.event import TYPES, UNITS
from tests.sources import said_outside


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_event_is_declared_completely(event: Event) -> None:
    """A name of two parts, a sentence, known units and known types."""
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.name)
    assert event.doc.endswith(".")
    assert UNITS.issuperset(event.measurements.values())
    assert TYPES.keys() >= set(event.metadata.values())


def test_user_ids_are_always_declared_as_such() -> None:
    """A field that holds a user id has the type user, so that listeners know to hide it."""
    for event in EVENTS.values():
        for field, kind in event.metadata.items():
            assert (field == "user") == kind.startswith("user"), event.name


def test_no_event_name_is_declared_twice() -> None:
    """The mapping holds as many events as the table has rows."""
    from sessiond.telemetry import events

    assert len(events._TABLE) == len(EVENTS)


def test_every_event_happens_somewhere() -> None:
    """No row of the table is a promise that no code keeps."""
    said = said_outside(
        "telemetry/events.py", "observability/log_events.py", "observability/metric_table.py"
    )

    assert [name for name in EVENTS if name not in said] == []
