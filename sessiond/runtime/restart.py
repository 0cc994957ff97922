"""Whether and when a crashed actor is started again: decided here, without a clock or a task.

Two deciders. ``RestartHistory`` is OTP's restart intensity for one user. ``Breaker`` looks at all of them: when a
large share of users crashes at once the fault is ours or the world's, and nobody's budget is burnt.
"""

from collections import OrderedDict
from typing import Final

from attrs import Factory, define, frozen

from sessiond.core.ids import UserId
from sessiond.runtime.backoff import Backoff

__all__ = ["Breaker", "RestartHistory", "RestartPolicy"]


_BACKOFF: Final = Backoff(0.1, 30.0)


@frozen(kw_only=True)
class RestartPolicy:
    """When to restart, when to give up; durations in seconds (design.md 7)."""

    intensity: int = 3
    """So many restarts within ``within`` are allowed; the next crash quarantines the user."""
    within: float = 60.0
    backoff: Backoff = _BACKOFF
    systemic_share: float = 0.2
    """More than this share of the resident users crashing within ``systemic_within`` is systemic."""
    systemic_minimum: int = 10
    """But never fewer than so many users: on an empty node two crashes are no catastrophe."""
    systemic_within: float = 10.0


@define
class RestartHistory:
    """The crashes of one user that still count."""

    crashes: int = 0
    """All of them, for operators."""
    _times: list[float] = Factory(list)

    def next_delay(self, policy: RestartPolicy, now: float, jitter: float) -> float | None:
        """Count a crash at *now*; return the seconds until the restart, ``None``: no more, quarantine."""
        self.crashes += 1
        self._times = [at for at in self._times if now - at < policy.within]
        self._times.append(now)
        if len(self._times) > policy.intensity:
            return None
        return policy.backoff.wait(len(self._times), jitter)

    def uncounted_delay(self, policy: RestartPolicy, jitter: float) -> float:
        """Return the delay of a restart during a systemic failure; the crash is not held against the user."""
        self.crashes += 1
        return policy.systemic_within * (0.5 + jitter / 2)


@define
class Breaker:
    """Which users crashed lately: is it them, or is it us?"""

    policy: RestartPolicy
    _last_crash: OrderedDict[UserId, float] = Factory(OrderedDict)

    def crashed(self, user: UserId, now: float) -> None:
        """Note a crash; a user counts once however often he crashes."""
        self._last_crash[user] = now
        self._last_crash.move_to_end(user)

    @property
    def crashed_users(self) -> int:
        """How many users crashed lately, as of the last look."""
        return len(self._last_crash)

    def is_systemic(self, now: float, residents: int) -> bool:
        """Tell whether too many of *residents* crashed within the last ``systemic_within`` seconds."""
        while self._last_crash:
            user, at = next(iter(self._last_crash.items()))
            if now - at < self.policy.systemic_within:
                break
            del self._last_crash[user]
        crashed = len(self._last_crash)
        return crashed >= self.policy.systemic_minimum and (
            crashed > self.policy.systemic_share * residents
        )
