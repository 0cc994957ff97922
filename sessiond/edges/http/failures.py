"""Errors of a door as its description says them: the statuses are those of the codes (``answers.STATUSES``)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sessiond.core.codes import ErrorCode
from sessiond.core.described import ERROR, RETRY_AFTER, Form, Reply
from sessiond.edges.http.answers import RETRY_AFTER_SECONDS, STATUSES

__all__ = ["TURN", "WRONG_MEDIA_TYPE", "failures"]

Words = tuple[ErrorCode, str]

#: What any message to a user's session may be answered with. An app may turn down with whatever code (``Reject``).
TURN: Final[tuple[Words, ...]] = (
    (ErrorCode.BAD_REQUEST, "Something about it is wrong, or the app turned it down."),
    (ErrorCode.UNAUTHORIZED, "The app turned it down."),
    (ErrorCode.FORBIDDEN, "The app turned it down."),
    (ErrorCode.UNKNOWN_USER, "The app does not know this user."),
    (ErrorCode.UNKNOWN_EVENT, "The app has no handler for it."),
    (ErrorCode.ENDED, "The session was ended."),
    (ErrorCode.TOO_LARGE, "The state or the reply would be too large; nothing was applied."),
    (ErrorCode.RATE_LIMITED, "Too many."),
    (ErrorCode.HANDLER_FAILED, "The handler failed; nothing was applied."),
    (ErrorCode.INTERNAL_ERROR, "Our bug; it is logged on our side."),
    (ErrorCode.OVERLOADED, "Too much is waiting for this user."),
    (ErrorCode.QUARANTINED, "This user's session keeps failing; an operator has to look."),
    (ErrorCode.UNAVAILABLE, "The store is away, or the server is starting."),
    (ErrorCode.DRAINING, "The server is being stopped."),
    (ErrorCode.GONE, "The session was stopped before it could answer."),
    (ErrorCode.TIMEOUT, "No answer in time; `applied` says whether it may have had its effect."),
)

#: ``answers.WrongMediaType``, which has a status but no code of its own.
WRONG_MEDIA_TYPE: Final = "The body must be JSON in UTF-8, not compressed."


def failures(
    words: Iterable[Words],
    form: Form = ERROR,
    *,
    texts: Mapping[int, str] = MappingProxyType({}),
) -> dict[int, Reply]:
    """Describe the answers that are errors with the codes in *words*, one for each status, all of *form*.

    *texts* adds statuses that no code stands for, or says something in front of the codes of one.
    """
    found: dict[int, list[str]] = {status: [text] for status, text in texts.items()}
    may_return: set[int] = set()
    for code, text in words:
        status = int(STATUSES[code])
        found.setdefault(status, []).append(f"`{code}`: {text}")
        if code in RETRY_AFTER_SECONDS:
            may_return.add(status)
    return {
        status: Reply(
            says="\n".join(lines),
            forms=(form,),
            headers=RETRY_AFTER if status in may_return else {},
        )
        for status, lines in sorted(found.items())
    }
