"""The registry: one cell per user on this node."""

from __future__ import annotations

import pytest

from sessiond.core.ids import UserId
from sessiond.core.session.inputs import Send
from sessiond.runtime.cell import Cell
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.registry import Registry

ANN = UserId("ann")


def test_a_user_has_one_cell() -> None:
    """A second one is refused, and the first stays."""
    registry = Registry()
    cell = Cell(ANN)
    registry.add(cell)
    with pytest.raises(ValueError, match="a cell already"):
        registry.add(Cell(ANN))

    assert registry.get(ANN) is cell
    assert len(registry) == 1


def test_only_the_registered_cell_is_removed() -> None:
    """An actor that was late cannot remove its successor."""
    registry = Registry()
    old, new = Cell(ANN), Cell(ANN)
    registry.add(old)
    assert registry.remove(old)
    registry.add(new)

    assert not registry.remove(old)
    assert registry.get(ANN) is new


def test_a_message_that_came_meanwhile_stops_the_leaving() -> None:
    """Checking the mailbox and leaving is one step."""
    registry = Registry()
    cell = Cell(ANN)
    registry.add(cell)
    cell.mailbox.put(Envelope(Send("n", 1)))
    assert not registry.leave(cell)
    cell.mailbox.get_nowait()

    assert registry.leave(cell)
    assert registry.get(ANN) is None


def test_walking_over_cells_allows_changes() -> None:
    """Users may come and go while somebody lists them."""
    registry = Registry()
    for name in "abc":
        registry.add(Cell(UserId(name)))
    seen = []
    for cell in registry:
        seen.append(cell.user)
        registry.remove(cell)

    assert ["a", "b", "c"] == seen
    assert len(registry) == 0
