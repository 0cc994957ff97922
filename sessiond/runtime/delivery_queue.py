"""The deliveries of one account that are in memory: whose turn it is, and when. No task, no clock, no I/O.

Of each person one delivery is under way at a time, in the order of their ids; people take turns in the order in which
they became ready. Rates are those of the account's settings: calls of the account, and calls for one person.
"""

import heapq
import math
from bisect import bisect_left
from itertools import count
from typing import Final

from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.inputs import FileUpload
from sessiond.core.ids import UserId
from sessiond.core.records import Delivery
from sessiond.core.token_bucket import RateLimit, TokenBucket, TokenBuckets

__all__ = ["DeliveryQueue", "Waiting"]

#: What a bucket lacks may be less than the clock can tell, and then waiting would not end.
_LEAST_WAIT: Final = 0.001


class Waiting:
    """One delivery, and how often it was tried."""

    __slots__ = ("attempts", "delivery", "ready_at", "reason", "takings", "upload")

    def __init__(self, delivery: Delivery, ready_at: float) -> None:
        self.delivery = delivery
        self.ready_at = ready_at
        """Not before."""
        self.attempts = 0
        self.takings = 0
        """How often the provider took it, in words that cannot be read."""
        self.reason = ""
        """Why it was not delivered the last time."""
        self.upload: FileUpload | None = None
        """What became of its file, if it has one and that was uploaded for it."""


class _Line:
    """One person's deliveries: the one that is under way, and those behind it by id."""

    __slots__ = ("is_busy", "taken", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.is_busy = False
        self.taken: Waiting | None = None
        """Under way, unless it was discarded meanwhile."""


class DeliveryQueue:
    """The queue of one account. Times are monotonic seconds."""

    def __init__(self, settings: AccountSettings, now: float) -> None:
        rate = settings.calls_per_second
        self._bucket = TokenBucket(RateLimit(rate, max(1.0, rate)), now)
        self._recipients = TokenBuckets[UserId](
            RateLimit(settings.recipient_calls_per_second, settings.recipient_burst)
        )
        self._has_token = False
        self._lines: dict[UserId, _Line] = {}
        self._ready: list[tuple[float, int, UserId]] = []
        self._order = count()
        self._size = 0
        self.held_until = -math.inf
        """Nothing is taken before."""

    def __len__(self) -> int:
        """How many there are, those under way included."""
        return self._size

    def put(
        self, user: UserId, delivery: Delivery, ready_at: float, *, replaces: bool = True
    ) -> bool:
        """Add a delivery, not to be taken before *ready_at*; tell whether its person is now the next of all.

        One of the same id stays when it is under way, or unless the new one *replaces* it.
        """
        line = self._lines.get(user)
        if line is None:
            line = self._lines[user] = _Line()
        if line.taken is not None and line.taken.delivery.id == delivery.id:
            return False
        place = bisect_left(line.waiting, delivery.id, key=_id)
        if place < len(line.waiting) and _id(line.waiting[place]) == delivery.id:
            if not replaces:
                return False
            line.waiting[place] = Waiting(delivery, ready_at)
        else:
            line.waiting.insert(place, Waiting(delivery, ready_at))
            self._size += 1
        return place == 0 and not line.is_busy and self._stand(user, line)

    def discard(self, user: UserId, delivery_id: str) -> None:
        """Remove a delivery, if it is here; one under way is finished all the same."""
        line = self._lines.get(user)
        if line is None:
            return
        if line.taken is not None and line.taken.delivery.id == delivery_id:
            line.taken = None
            self._size -= 1
            return
        place = bisect_left(line.waiting, delivery_id, key=_id)
        if place < len(line.waiting) and _id(line.waiting[place]) == delivery_id:
            del line.waiting[place]
            self._size -= 1
            if place == 0 and not line.is_busy:
                self._stand(user, line)

    def forget(self, user: UserId) -> None:
        """Remove all deliveries of *user*."""
        line = self._lines.get(user)
        if line is not None:
            self._size -= len(line.waiting) + (line.taken is not None)
            line.waiting.clear()
            line.taken = None
            if not line.is_busy:
                del self._lines[user]

    def has(self, user: UserId, waiting: Waiting) -> bool:
        """Tell whether a delivery that was taken is still wanted."""
        return self._lines[user].taken is waiting

    def take(self, now: float) -> tuple[UserId, Waiting] | float:
        """Take the delivery whose turn it is, or say in how many seconds to ask again (infinite: when told to)."""
        if now < self.held_until:
            return self.held_until - now
        while self._ready and self._ready[0][0] <= now:
            if not self._has_token:
                if wait := self._bucket.take(now):
                    return max(wait, _LEAST_WAIT)
                self._has_token = True
            user = heapq.heappop(self._ready)[2]
            line = self._lines.get(user)
            if line is None or line.is_busy or line.waiting[0].ready_at > now:
                continue  # it has left, or stands elsewhere in the queue
            if wait := self._recipients.take(user, now):
                line.waiting[0].ready_at = now + max(wait, _LEAST_WAIT)
                self._stand(user, line)
                continue
            self._has_token = False
            line.is_busy = True
            line.taken = line.waiting.pop(0)
            return user, line.taken
        return self._ready[0][0] - now if self._ready else math.inf

    def put_back(self, user: UserId, waiting: Waiting, ready_at: float) -> None:
        """Let a delivery that was taken wait for its next turn, before all others of its person."""
        line = self._lines[user]
        if line.taken is waiting:
            waiting.ready_at = ready_at
            line.waiting.insert(0, waiting)
        self._free(user, line)

    def end_waits(self, now: float) -> None:
        """Let nothing wait for its time any longer; the rates hold."""
        self.held_until = now
        for user, line in self._lines.items():
            if not line.is_busy and line.waiting[0].ready_at > now:
                line.waiting[0].ready_at = now
                self._stand(user, line)

    def finish(self, user: UserId, waiting: Waiting) -> None:
        """Remove a delivery that was taken, so that its person's next one has its turn."""
        line = self._lines[user]
        self._size -= line.taken is waiting
        self._free(user, line)

    def _free(self, user: UserId, line: _Line) -> None:
        line.taken = None
        line.is_busy = False
        self._stand(user, line)

    def _stand(self, user: UserId, line: _Line) -> bool:
        """Let *user* stand in the queue for his first delivery, if he has one; tell whether he is the next."""
        if not line.waiting:
            del self._lines[user]
            return False
        place = (line.waiting[0].ready_at, next(self._order), user)
        heapq.heappush(self._ready, place)
        return self._ready[0] is place


def _id(waiting: Waiting) -> str:
    return waiting.delivery.id
