"""The registry: which users live on this node, one cell each."""

from collections.abc import Iterator

from sessiond import telemetry
from sessiond.core.ids import UserId
from sessiond.runtime.cell import Cell, Standing

__all__ = ["Registry"]


class Registry:
    """User id → cell: unique, O(1), this node only. Trio's thread only; nothing awaits."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells: dict[UserId, Cell] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell]:
        """Walk over the cells of this moment, oldest first; cells may come and go meanwhile."""
        return iter(tuple(self._cells.values()))

    def get(self, user: UserId) -> Cell | None:
        """Return *user*'s cell, ``None`` when he is not in memory."""
        return self._cells.get(user)

    def add(self, cell: Cell) -> None:
        """Register *cell*.

        Raises:
          ValueError: its user has another cell; there must never be two.

        """
        if self._cells.setdefault(cell.user, cell) is not cell:
            raise ValueError("this user has a cell already")

    def remove(self, cell: Cell) -> bool:
        """Unregister *cell*; ``False`` when it is not (or no longer) the registered one."""
        if self._cells.get(cell.user) is not cell:
            return False
        del self._cells[cell.user]
        return True

    def leave(self, cell: Cell) -> bool:
        """Unregister *cell* if nothing waits for its actor; else ``False``, and the actor goes on.

        The last step of passivation: no await between this check and the removal, so no racing message is lost.
        """
        return cell.is_quiet and self.remove(cell)

    def put_away(self, cell: Cell, reason: str) -> bool:
        """Passivate *cell* if its actor hibernates, for *reason*; else ``False``, and the actor has to be told.

        Nothing of a hibernated session is unwritten, so it needs no actor for that.
        """
        if cell.standing is not Standing.HIBERNATED or not self.leave(cell):
            return False
        cell.standing = Standing.STOPPING
        about = {"user": cell.user, "reason": reason}
        telemetry.emit("session.passivated", {"duration": 0.0}, about)
        return True
