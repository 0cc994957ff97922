"""What anybody may read of an exception."""

import pytest

from sessiond.core.causes import cause_of, kind_of, words_of
from sessiond.core.errors import AppFailed, InvalidInput, Refused
from sessiond.core.flows.faults import InvalidAnswer, RunFailed

SECRET = "ama owes ninety"


class Unprintable(AppFailed):
    """One of ours by its class whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (KeyError(SECRET), "KeyError"),
        (ValueError(f"x\n{SECRET}"), "ValueError"),
        (RunFailed("NoFunds", SECRET), "sessiond.core.flows.faults.RunFailed"),
        (InvalidAnswer(SECRET), "sessiond.core.flows.faults.InvalidAnswer"),
        (Refused("no", SECRET), "sessiond.core.errors.Refused"),
        (AppFailed("there is no\naccount"), "sessiond.core.errors.AppFailed: there is no account"),
        (InvalidInput("no text"), "sessiond.core.errors.InvalidInput: no text"),
        (
            OSError(28, "No space left on device", SECRET),
            "OSError: [Errno 28] No space left on device",
        ),
        (OSError(SECRET), "OSError"),
        (Unprintable(), f"{__name__}.Unprintable"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_told_of_an_exception(error: Exception, cause: str) -> None:
    """Its kind, in one line; what it says only when that is ours, or the system's."""
    assert cause == cause_of(error)
    assert cause.startswith(kind_of(error))
    assert SECRET not in cause


def test_all_that_it_says() -> None:
    """For whoever asked for it; one that cannot be printed says nothing."""
    assert SECRET == words_of(ValueError(SECRET))
    assert "" == words_of(Unprintable())
