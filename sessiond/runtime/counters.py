"""What a node counts for its operators; plain integers, changed by the actors."""

from attrs import define

__all__ = ["Counters"]


@define
class Counters:
    """Counts since the node started."""

    turns: int = 0
    """Turns computed, failed ones too."""
    failed_turns: int = 0
    committed_turns: int = 0
    """Turns whose changes were written."""
    dead_letters: int = 0
