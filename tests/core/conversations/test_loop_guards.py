"""Loop guards (sessiond/core/conversations/loop_guards.py)."""

import pytest

from sessiond.core.conversations.loop_guards import DEFAULT_GUARDS, LoopGuards
from sessiond.core.structuring import InvalidShape, structure


@pytest.mark.parametrize(
    ("steps", "turns", "broken"),
    [
        (0, 0, None),
        (100, 500, None),
        (101, 0, "more than 100 steps in one turn"),
        (1, 501, "more than 500 turns without an input of a person"),
    ],
)
def test_bounds_are_the_last_that_is_allowed(steps: int, turns: int, broken: str | None) -> None:
    """A hundred steps a turn, five hundred turns alone; one more is a loop."""
    assert broken == DEFAULT_GUARDS.broken(steps=steps, turns_without_human=turns)


def test_bounds_are_settings() -> None:
    """At least one step, or nothing would ever run."""
    assert LoopGuards(steps_per_turn=5).broken(steps=6, turns_without_human=0)
    with pytest.raises(InvalidShape, match="steps_per_turn: must be at least 1"):
        structure({"steps_per_turn": 0}, LoopGuards)
