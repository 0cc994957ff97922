"""When an actor has to look at itself: one deadline for relaxed writes, retries, the idle timeout and lingering."""

from collections.abc import Callable

from attrs import frozen

from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.phases import Phase
from sessiond.runtime.deadlines import Deadlines

__all__ = ["Due", "Wakeups"]


@frozen
class Due:
    """What has come due."""

    flush: bool
    idle: bool
    linger: bool


class Wakeups:
    """The times of one actor, monotonic seconds. Activity only moves a number; ``rearm`` sets the deadline."""

    __slots__ = (
        "_deadline",
        "_limits",
        "_relaxed_seconds",
        "last_active",
        "lazy_since",
        "quiet_reason",
    )

    def __init__(
        self,
        deadlines: Deadlines,
        limits: SessionLimits,
        *,
        relaxed_seconds: float,
        now: float,
        on_due: Callable[[], None],
    ) -> None:
        self._deadline = deadlines.open(on_due)
        self._limits = limits
        self._relaxed_seconds = relaxed_seconds
        self.last_active = now
        self.lazy_since: float | None = None
        """When the first relaxed change that is not written was made."""
        self.quiet_reason = "window"
        """Why a session that is passive now became so: ``window`` or ``linger``."""

    def active(self, now: float) -> None:
        """Note that something came."""
        self.last_active = now
        self.quiet_reason = "window"

    def rearm(self, phase: Phase, retry: float | None) -> None:
        """Set the deadline to whatever comes first."""
        due = [] if retry is None else [retry]
        if self.lazy_since is not None:
            due.append(self.lazy_since + self._relaxed_seconds)
        if phase is Phase.ATTACHED and self._limits.idle_seconds > 0:
            due.append(self.last_active + self._limits.idle_seconds)
        if phase is Phase.AWAKE and retry is None:  # a retry keeps it awake
            due.append(self.last_active + self._limits.linger_seconds)
        self._deadline.set(min(due) if due else None)

    def due(self, phase: Phase, now: float) -> Due:
        """Say what has come due; a flush that is due is taken as done."""
        flush = self.lazy_since is not None and now >= self.lazy_since + self._relaxed_seconds
        if flush:
            self.lazy_since = None
        return Due(
            flush=flush,
            # The same sums as in rearm: a difference may round the other way, and be early for ever.
            idle=phase is Phase.ATTACHED
            and self._limits.idle_seconds > 0
            and now >= self.last_active + self._limits.idle_seconds,
            linger=phase is Phase.AWAKE and now >= self.last_active + self._limits.linger_seconds,
        )

    def close(self) -> None:
        """Never wake the actor again."""
        self._deadline.close()
