"""Cells: what survives a restart."""

from __future__ import annotations

from sessiond.core.ids import Digest, UserId, partition_of
from sessiond.core.records import InboxEntry
from sessiond.core.session.inputs import Accepted, Send
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.registry import Registry


def accepted(seq: int) -> Envelope:
    return Envelope(
        Accepted(InboxEntry(seq, UserId("ann"), Digest(bytes(16)), "hook:x", b"{}", 0.0))
    )


def test_a_cell_knows_its_partition_and_shows_nothing_personal() -> None:
    """The partition follows from the id; a repr in a log does not name the user."""
    cell = Cell(UserId("ann"))

    assert cell.partition == partition_of(UserId("ann"))
    assert "ann" not in repr(cell)
    assert cell.standing is Standing.STARTING
    assert cell.restarts == 0


def test_rewinding_leaves_waiting_inputs_and_reads_accepted_ones_again() -> None:
    """After a crash the store decides which accepted inputs are left, so none is lost with the actor that had it."""
    cell = Cell(UserId("ann"))
    waiting = Envelope(Send("n", 1))
    for one in (accepted(1), waiting, accepted(2)):
        cell.mailbox.put(one)
    cell.told_seq = 2
    cell.rewind()

    assert (waiting,) == cell.mailbox.snapshot()
    assert (cell.told_seq, cell.backlog) == (0, 1)


def test_rewinding_a_user_who_was_told_nothing_costs_no_read() -> None:
    """Without accepted inputs there is no backlog after a crash."""
    cell = Cell(UserId("ann"))
    cell.rewind()

    assert cell.backlog == 0


def test_a_backlog_keeps_a_user_in_memory_unless_the_node_drains() -> None:
    """Leaving with a backlog would forget that it is there; a draining node leaves it to the next owner."""
    registry = Registry()
    cell = Cell(UserId("ann"))
    registry.add(cell)
    cell.hold_back()
    assert not registry.leave(cell)
    cell.is_draining = True

    assert registry.leave(cell)
