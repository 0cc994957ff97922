"""What a telemetry event declares, and the check of what is emitted against it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["TYPES", "UNITS", "Event", "Measurements", "Metadata", "TelemetryMisuse"]

Measurements = Mapping[str, float]
"""Numbers by name; the unit of each is in EVENTS."""

Metadata = Mapping[str, object]
"""What the event was about, by name; the type of each is in EVENTS."""

#: Types that metadata may declare; ``user`` is a user id, which listeners must not show in clear.
TYPES: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "user": (str,),
        "user | None": (str, type(None)),
        "str": (str,),
        "str | None": (str, type(None)),
        "int": (int,),
        "int | None": (int, type(None)),
        "bool": (bool,),
    }
)

UNITS: Final = frozenset({"seconds", "count", "bytes"})


class TelemetryMisuse(Exception):
    """An event that is not in EVENTS, or not with these fields."""


class Event(NamedTuple):
    """One row of the table: every field is required, and no other is allowed."""

    name: str
    doc: str
    measurements: Mapping[str, str] = MappingProxyType({})
    """Name to unit: ``seconds``, ``count`` or ``bytes``."""
    metadata: Mapping[str, str] = MappingProxyType({})
    """Name to type, one of TYPES."""

    def check(self, measurements: Measurements, metadata: Metadata) -> None:
        """Compare what is being emitted with the declaration.

        Raises:
          TelemetryMisuse: a field is missing, unknown or of another type.

        """
        for declared, given in ((self.measurements, measurements), (self.metadata, metadata)):
            if declared.keys() != given.keys():
                raise TelemetryMisuse(f"{self.name} has {sorted(declared)}, not {sorted(given)}")
        for field, number in measurements.items():
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise TelemetryMisuse(f"{self.name}: {field} must be a number")
        for field, thing in metadata.items():
            if not isinstance(thing, TYPES[self.metadata[field]]):
                raise TelemetryMisuse(f"{self.name}: {field} must be {self.metadata[field]}")
