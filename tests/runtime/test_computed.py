"""A turn in the making."""

from __future__ import annotations

from sessiond.core.ids import UserId
from sessiond.core.session.state import fresh_state
from sessiond.runtime.computed import Computed


def test_a_turn_without_effect_on_the_record_has_no_change() -> None:
    """Same state, nothing consumed: there is nothing to write."""
    state = fresh_state(UserId("ann"), session_id="s", now=0.0)

    assert Computed(state, state).change() is None


def test_consumed_inputs_and_removals_are_changes() -> None:
    """Also when the state stayed the same."""
    state = fresh_state(UserId("ann"), session_id="s", now=0.0)
    consumed = Computed(state, state, inbox_done=(3,)).change()
    erased = Computed(state, state, erase=True).change()

    assert consumed is not None
    assert consumed.inbox_done == (3,)
    assert erased is not None
    assert erased.erase
