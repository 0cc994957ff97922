"""Histograms that are fed on the hot path.

The library's own take a lock twice and walk over the bounds: 2.9 µs an observation, these 0.4 *(measured, 14 bounds)*.
They are fed in Trio's thread alone, and read there, so that they need no lock. What is scraped is the library's.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from math import inf
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

__all__ = ["Histogram", "Tally"]

# The library has no annotation here.
_le: Final[Callable[[float], str]] = floatToGoString


class Tally:
    """The observations under one set of label values."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many fell into each bucket; the last one has no bound."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count *value* in the first bucket whose bound is not below it."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram:
    """A labelled histogram: a collector for the library's registry, with one Tally for each set of label values."""

    def __init__(
        self, name: str, doc: str, labels: tuple[str, ...], bounds: Iterable[float]
    ) -> None:
        self._name = name
        self._doc = doc
        self._labels = labels
        self._bounds: Final = tuple(float(bound) for bound in bounds)
        self._tallies: dict[tuple[str, ...], Tally] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Tally:
        """Return what observes under these label values, in the order of the labels; made when it is new."""
        tally = self._tallies.get(values)
        if tally is None:
            tally = self._tallies[values] = Tally(self._bounds)
        return tally

    def collect(self) -> Iterable[Metric]:
        """Yield the one family, with cumulative buckets (OpenMetrics 1.0, "Histogram")."""
        names = [_le(bound) for bound in (*self._bounds, inf)]
        family = HistogramMetricFamily(self._name, self._doc, labels=self._labels)
        for values, tally in self._tallies.items():
            buckets = list(zip(names, accumulate(tally.counts), strict=True))
            family.add_metric(values, buckets, tally.total)
        yield family
