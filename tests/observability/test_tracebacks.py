"""What a log shows of an exception."""

import sys

import pytest

from sessiond.core.errors import AppFailed, Refused, StoreUnavailable
from sessiond.core.flows.faults import InvalidAnswer, RunFailed
from sessiond.observability.tracebacks import ExcInfo, traceback_text

SECRET = "ama owes ninety"


class Unprintable(Exception):
    """An app's exception whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)


def raised(error: BaseException, cause: BaseException | None = None) -> ExcInfo:
    """Raise *error* and return it as ``sys.exc_info`` does."""
    try:
        if cause is None:
            raise error
        raise error from cause
    except type(error):
        info = sys.exc_info()
    assert info[0] is not None
    assert info[1] is not None
    return info[0], info[1], info[2]


def shown(error: BaseException, cause: BaseException | None = None) -> str:
    return traceback_text(messages=False)(raised(error, cause))


@pytest.mark.parametrize(
    "error",
    [
        KeyError(SECRET),
        RuntimeError(SECRET),
        OSError(SECRET),
        FileNotFoundError(2, "No such file or directory", SECRET),
        Refused("rejected", SECRET),
        InvalidAnswer(SECRET),
        RunFailed("LookupError", SECRET),
        Unprintable(),
        ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)]),
    ],
)
def test_what_an_exception_says_is_left_out(error: Exception) -> None:
    """The kind and the place stay."""
    text = shown(error)

    assert SECRET not in text
    assert type(error).__name__ in text
    assert "test_tracebacks.py" in text
    assert "in raised" in text


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (StoreUnavailable("the disk is full"), "errors.StoreUnavailable: the disk is full"),
        (AppFailed("more than 1000 pushes"), "errors.AppFailed: more than 1000 pushes"),
        (PermissionError(13, "Permission denied", "/x"), "Error: [Errno 13] Permission denied"),
    ],
)
def test_messages_of_ours_and_of_the_system_stay(error: Exception, end: str) -> None:
    """They hold nothing that people said, and an operator needs them."""
    assert shown(error).endswith(end)


def test_causes_contexts_and_groups_are_followed() -> None:
    """In the order in which they happened, none of them with its words."""
    text = shown(AppFailed("cannot be sent"), ValueError(SECRET))
    group = shown(ExceptionGroup("g", [ValueError(SECRET), AppFailed("ours")]))

    assert text.index("ValueError") < text.index("direct cause") < text.index("AppFailed")
    assert SECRET not in text
    assert "ValueError" in group
    assert "AppFailed: ours" in group


def test_a_circle_and_a_crowd_of_causes_end() -> None:
    """However an app ties its exceptions together, the text is finite."""
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    crowd = ExceptionGroup("crowd", [ValueError(str(n)) for n in range(1000)])

    assert shown(one).count("ValueError") == 2
    assert shown(crowd).count("ValueError") < 20


def test_an_operator_may_ask_for_the_words() -> None:
    """For development, where the author is the only one whose words they can be."""
    text = traceback_text(messages=True)(raised(KeyError(SECRET)))

    assert text.endswith(f"KeyError: '{SECRET}'")
