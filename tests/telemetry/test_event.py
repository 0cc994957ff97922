"""Checking what is emitted."""

import pytest

from sessiond.telemetry import Event, TelemetryMisuse

EVENT = Event("demo.stop", "A demo.", {"duration": "seconds"}, {"user": "user | None", "n": "int"})


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
