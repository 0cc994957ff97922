"""What can go wrong, cut by whose doing it was.

``SessiondError``
    ``InvalidInput``       the caller's doing: a value that can never be right; retrying does not help
    ``Refused``            the caller's doing or our policy, with the code the client is told
    ``AppFailed``          the app author's doing: a handler raised, hung or returned nonsense
        ``TurnFailed``     what an asker sees of it; nothing was applied, the input id is free again
        ``AccountUnavailable``  its user source failed: nothing is decided about the user
    ``AskTimeout``         nobody's doing yet: the answer did not come in time
    ``ActorGone``          the actor was stopped or fenced first; safe to retry with the same id
    ``MailboxFull``        the user's mailbox is full: hold the sender back
    ``StoreError``         the world's doing
        ``StoreUnavailable``  away or timed out: *nothing is decided*, send the same again
        ``Fenced``         somebody else owns the partition now
        ``StoreInUse``     another live process owns this store
    ``SnapshotError``      a stored state that this version cannot read
        ``SnapshotCorrupt``, ``SnapshotTooNew``, ``SnapshotTooLarge``

Messages never hold payloads, tokens, secrets or phone numbers: they reach logs and clients.
"""

__all__ = [
    "AccountUnavailable",
    "ActorGone",
    "AppFailed",
    "AskTimeout",
    "Fenced",
    "InvalidInput",
    "MailboxFull",
    "Refused",
    "SessiondError",
    "SnapshotCorrupt",
    "SnapshotError",
    "SnapshotTooLarge",
    "SnapshotTooNew",
    "StoreError",
    "StoreInUse",
    "StoreUnavailable",
    "TurnFailed",
]


class SessiondError(Exception):
    """Everything sessiond raises on purpose."""


class InvalidInput(SessiondError, ValueError):
    """A value that can never be right."""


class Refused(SessiondError):
    """A request that policy turns down, with what the client is told.

    *code* is an ``ErrorCode`` or a word of the app's own; *retry_after* is in seconds, and ``None`` says nothing
    about when to come back.
    """

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


class AppFailed(SessiondError):
    """A handler raised, ran out of time or returned something that cannot be sent."""


class TurnFailed(AppFailed):
    """The asker's view of a failed turn: rolled back, not retried, the input id not consumed."""


class AccountUnavailable(AppFailed):
    """The app's user source raised or hung, so the user cannot be let in now: the database behind it may be away."""


class AskTimeout(SessiondError):
    """The answer did not come before the deadline.

    *applied* is ``False`` when the turn never began (and never will), ``None`` when that is not known.
    """

    def __init__(self, *, applied: bool | None) -> None:
        super().__init__("no answer in time" + ("; it was not applied" if applied is False else ""))
        self.applied = applied


class ActorGone(SessiondError):
    """The actor stopped or lost its partition before it could answer; the same id may be sent again."""


class MailboxFull(SessiondError):
    """The user's mailbox holds as many messages as it may."""


class StoreError(SessiondError):
    """The store could not do what was asked."""


class StoreUnavailable(StoreError):
    """The store is away or did not answer: nothing is decided, the same call may be repeated."""


class Fenced(StoreError):
    """Another owner has taken the partition; everything not yet committed is void."""


class StoreInUse(StoreError):
    """Another live process owns this store."""


class SnapshotError(SessiondError):
    """A stored state cannot be read or written."""


class SnapshotCorrupt(SnapshotError):
    """The bytes are not a snapshot, or their checksum is wrong."""


class SnapshotTooNew(SnapshotError):
    """A newer sessiond wrote it; reading it could lose what this version does not know."""


class SnapshotTooLarge(SnapshotError):
    """The state is larger than a snapshot may be."""
