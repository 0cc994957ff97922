"""Errors (sessiond/core/errors.py)."""

import inspect

import pytest

from sessiond.core import errors
from sessiond.core.codes import ErrorCode

CLASSES = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", CLASSES)
def test_everything_raised_on_purpose_has_one_root(error: type[Exception]) -> None:
    """Whoever calls sessiond can catch all of it by one name."""
    assert issubclass(error, errors.SessiondError)


def test_no_error_is_left_out() -> None:
    """Every class of the module is public: there is no error that cannot be caught by name."""
    defined = [
        name
        for name, thing in vars(errors).items()
        if inspect.isclass(thing) and thing.__module__ == errors.__name__
    ]

    assert sorted(errors.__all__) == sorted(defined)


def test_a_refusal_says_what_the_client_is_told() -> None:
    """Code, message and when to come back travel with the error."""
    refused = errors.Refused(ErrorCode.DRAINING, "come back", retry_after=2.0)

    assert ("draining", "come back", 2.0) == (refused.code, refused.message, refused.retry_after)
    assert "come back" == str(refused)


@pytest.mark.parametrize(
    ("applied", "text"),
    [(False, "no answer in time; it was not applied"), (None, "no answer in time")],
)
def test_a_late_answer_says_only_what_is_known(applied: bool | None, text: str) -> None:
    """An asker learns that nothing was applied only when that is certain."""
    error = errors.AskTimeout(applied=applied)

    assert (applied, text) == (error.applied, str(error))


def test_an_invalid_value_is_a_value_error() -> None:
    """Parsers that know nothing of sessiond (cattrs, cyclopts) treat it as their own."""
    assert issubclass(errors.InvalidInput, ValueError)
