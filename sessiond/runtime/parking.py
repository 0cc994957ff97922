"""A parking place for one task: cheaper than ``trio.Event``, which is made anew for each wait."""

import trio

__all__ = ["Parking"]


class Parking:
    """One task waits, others wake it. A wake-up without a sleeper is remembered by nobody."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    @property
    def is_taken(self) -> bool:
        """Whether a task waits."""
        return self._task is not None

    async def wait(self) -> None:
        """Wait for ``wake``; always a checkpoint. Cancelling leaves the place free."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def wake(self) -> bool:
        """Wake the sleeper; ``False`` when there is none."""
        task, self._task = self._task, None
        if task is None:
            return False
        trio.lowlevel.reschedule(task)
        return True

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
