"""Bounds of admin parameters."""

import pytest

from sessiond.core.structuring import InvalidShape, structure
from sessiond.edges.admin.parameters import ListDeadLetters, OneDeadLetter, Push, Stop


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        (Stop, {"user": "u", "reason": "x" * 201}, "reason"),
        (Push, {"user": "u", "event": ""}, "event"),
        (Push, {"user": "u", "event": "x" * 129}, "event"),
        (Push, {"user": "x" * 129, "event": "e"}, "user"),
        (ListDeadLetters, {"limit": 0}, "limit"),
        (ListDeadLetters, {"limit": 1001}, "limit"),
        (OneDeadLetter, {"id": "x" * 257}, "id"),
    ],
)
def test_out_of_bounds(kind: type, value: object, path: str) -> None:
    """Each bound is checked at its own path."""
    with pytest.raises(InvalidShape) as caught:
        structure(value, kind)

    assert [problem.path for problem in caught.value.problems] == [path]
