"""What can go wrong for a user of the client, cut by what he can do about it.

``ClientError``
    ``PushFailed``     the server answered with an error; ``code`` says which, ``retry_after`` when to try again
    ``PushTimeout``    no answer in time; whether it was applied is not known, the same ``push_id`` may be sent again
    ``Stopped``        the connection is over and will not come back by itself
        ``JoinRefused``    the server will not serve this user
"""

__all__ = ["ClientError", "JoinRefused", "PushFailed", "PushTimeout", "Stopped"]


class ClientError(Exception):
    """Everything the client raises on purpose."""


class PushFailed(ClientError):
    """The server answered a push with an error; nothing was applied.

    *retry_after* is in seconds. Repeat with ``push(..., push_id=error.push_id)``: it is applied at most once.
    """

    def __init__(self, code: str, message: str, *, retry_after: float | None, push_id: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.push_id = push_id


class PushTimeout(ClientError):
    """No answer came in time; repeat with the same *push_id* to learn it without applying the push twice."""

    def __init__(self, push_id: str) -> None:
        super().__init__("no answer in time")
        self.push_id = push_id


class Stopped(ClientError):
    """The server told the client not to come back (close code 4000-4099, or a refused handshake)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class JoinRefused(Stopped):
    """The server refused the join for good; *reason* is the error code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(0, reason)
        self.message = message
