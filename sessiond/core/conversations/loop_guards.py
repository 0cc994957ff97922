"""Loop guards: a flow that talks to itself, or to another machine, is stopped instead of going on for ever."""

from typing import Final

from attrs import field, frozen

from sessiond.core.errors import InvalidInput

__all__ = ["DEFAULT_GUARDS", "LoopGuards"]


def _at_least_one(_: object, __: object, value: int) -> None:
    if value < 1:
        raise InvalidInput("must be at least 1")


@frozen(kw_only=True)
class LoopGuards:
    """How far a conversation may go by itself.

    Raises:
      InvalidInput: a bound below 1.

    """

    steps_per_turn: int = field(default=100, validator=_at_least_one)
    """What a flow may do (ask, say, run) within one turn: more is a loop without a question."""
    turns_without_human: int = field(default=500, validator=_at_least_one)
    """Turns in a row that no person caused (timers, results of ``run``)."""

    def broken(self, *, steps: int, turns_without_human: int) -> str | None:
        """Say which bound is passed by these numbers, in words for the log; ``None`` when none is."""
        if steps > self.steps_per_turn:
            return f"more than {self.steps_per_turn} steps in one turn"
        if turns_without_human > self.turns_without_human:
            return f"more than {self.turns_without_human} turns without an input of a person"
        return None


DEFAULT_GUARDS: Final = LoopGuards()
