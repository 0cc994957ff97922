"""The local directory: every user lives here, and who is served while draining."""

from __future__ import annotations

import pytest

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.records import Timer
from sessiond.core.session.inputs import Fired, HookCall, Leave, Send, Stop
from sessiond.runtime.cell import Cell
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.directory import LocalDirectory
from sessiond.runtime.registry import Registry

ANN = UserId("ann")


class Activator:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def activate(self, user: UserId) -> Cell:
        cell = self.registry.get(user) or Cell(user)
        if self.registry.get(user) is None:
            self.registry.add(cell)
        return cell


def directory(registry: Registry) -> LocalDirectory:
    return LocalDirectory(registry, Activator(registry), SystemClock(), Deadlines(SystemClock()))


async def test_locating_wakes_nobody() -> None:
    """An address is only an address."""
    registry = Registry()

    assert directory(registry).locate(ANN).user == ANN
    assert len(registry) == 0


async def test_a_draining_node_refuses_waiting_doors() -> None:
    """Hooks and pushes are told to come back; what was told before stays, and connections may still leave."""
    registry = Registry()
    here = directory(registry)
    ref = here.locate(ANN)
    ref.tell(Send("n", 1))
    assert here.is_accepting
    here.stop_accepting()
    with pytest.raises(Refused) as refused:
        ref.tell(HookCall("h", {}))
    with pytest.raises(Refused):
        await ref.ask(HookCall("h", {}), timeout=1)
    for item in (Leave(ConnectionId(1)), Stop("over"), Fired(Timer("t", 1, 0.0))):
        ref.tell(item)
    cell = registry.get(ANN)
    assert cell is not None

    assert refused.value.code == ErrorCode.DRAINING
    assert len(cell.mailbox) == 4
