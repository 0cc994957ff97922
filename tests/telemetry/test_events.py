"""The table of telemetry events."""

import re

import pytest

from sessiond.telemetry import EVENTS, Event, TelemetryMisuse
from sessiond.telemetry.events import TYPES, UNITS
from tests.sources import said_outside

EVENT = Event("demo.stop", "A demo.", {"duration": "seconds"}, {"user": "user | None", "n": "int"})


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


def test_the_right_fields_pass() -> None:
    """Integers are numbers, and None passes where it is declared."""
    EVENT.check({"duration": 1}, {"user": None, "n": 3})


@pytest.mark.parametrize(
    ("measurements", "metadata"),
    [
        ({}, {"user": "ada", "n": 3}),
        ({"duration": 1.0, "size": 2}, {"user": "ada", "n": 3}),
        ({"duration": "1.0"}, {"user": "ada", "n": 3}),
        ({"duration": True}, {"user": "ada", "n": 3}),
        ({"duration": 1.0}, {"user": "ada"}),
        ({"duration": 1.0}, {"user": "ada", "n": 3, "more": ""}),
        ({"duration": 1.0}, {"user": 7, "n": 3}),
        ({"duration": 1.0}, {"user": "ada", "n": None}),
    ],
)
def test_wrong_fields_are_named_without_their_values(measurements: dict, metadata: dict) -> None:
    """Missing, unknown and wrongly typed fields raise; the message holds no value."""
    with pytest.raises(TelemetryMisuse, match=r"demo\.stop") as caught:
        EVENT.check(measurements, metadata)

    assert "ada" not in str(caught.value)
