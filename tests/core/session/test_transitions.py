"""Transitions (sessiond/core/session/transitions.py)."""

import itertools

import pytest

from sessiond.core.session.phases import Phase
from sessiond.core.session.transitions import TRANSITIONS, IllegalTransition, Trigger, next_phase

LEGAL = """
new       joined          attached
new       received        awake
new       ended           ended
attached  joined          attached
attached  left            attached
attached  last left       detached
attached  received        attached
attached  ended           ended
detached  joined          attached
detached  received        detached
detached  window expired  passive
detached  ended           ended
awake     joined          attached
awake     received        awake
awake     linger expired  passive
awake     ended           ended
passive   joined          attached
passive   received        awake
passive   ended           ended
"""
ROWS = [
    tuple(cell.strip() for cell in line.split("  ") if cell) for line in LEGAL.split("\n") if line
]
ALL = list(itertools.product(Phase, Trigger))


@pytest.mark.parametrize(("phase", "trigger", "following"), ROWS, ids=" ".join)
def test_what_leads_where(phase: str, trigger: str, following: str) -> None:
    """Each row of the table is decided: this phase, then this event, then that phase."""
    assert Phase(following) is next_phase(Phase(phase), Trigger(trigger))


def test_there_are_no_other_rows() -> None:
    """A new row is a decision of its own: it is written here too."""
    assert len(ROWS) == len(TRANSITIONS)


@pytest.mark.parametrize(("phase", "trigger"), [pair for pair in ALL if pair not in TRANSITIONS])
def test_everything_else_is_illegal(phase: Phase, trigger: Trigger) -> None:
    """What has no row raises, naming both."""
    with pytest.raises(IllegalTransition, match=f"{phase}.*{trigger}"):
        next_phase(phase, trigger)


def test_the_end_is_the_end() -> None:
    """Nothing leads out of *ended*, and everything that lives can be ended."""
    assert not [phase for phase, _ in TRANSITIONS if phase is Phase.ENDED]
    assert {*Phase} - {Phase.ENDED} == {p for p, trigger in TRANSITIONS if trigger is Trigger.ENDED}


def test_every_phase_is_reached() -> None:
    """From *new*, where everybody begins, there is a way to each phase."""
    reached = {Phase.NEW}
    for _ in Phase:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}

    assert {*Phase} == reached
