"""The names of checks (sessiond/core/gateways/refusals.py)."""

import pytest

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.phone import NotAPhoneNumber
from sessiond.core.documented import attribute_docs
from sessiond.core.errors import InvalidInput, Refused, SessiondError, StoreUnavailable
from sessiond.core.gateways.refusals import (
    CREDENTIALS,
    Check,
    OtherAccount,
    check_of_error,
    check_of_status,
)
from sessiond.observability.metrics import MAX_LABEL_VALUES


def test_every_check_is_explained_and_all_fit_into_a_label() -> None:
    """The set is closed: none is ever counted as ``other`` because there are too many."""
    assert attribute_docs(Check).keys() == Check.__members__.keys()
    assert len(Check) <= MAX_LABEL_VALUES
    assert set(Check) > CREDENTIALS


@pytest.mark.parametrize(
    ("status", "check"),
    [(405, Check.METHOD), (413, Check.SIZE), (415, Check.CONTENT_TYPE), (401, Check.OTHER)],
)
def test_a_status_that_says_it_needs_no_name(status: int, check: Check) -> None:
    """So a gateway names the checks of its own alone."""
    assert check == check_of_status(status)


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (InvalidInput("text is missing"), Check.FORM),
        (OtherAccount("another account's"), Check.ACCOUNT),
        (NotAPhoneNumber("too short"), Check.PHONE),
        (Refused(ErrorCode.FORBIDDEN, "another number's"), Check.ACCOUNT),
        (Refused(ErrorCode.OVERLOADED, "full"), Check.NONE),
        (StoreUnavailable("away"), Check.NONE),
    ],
)
def test_what_an_error_says_of_the_request(error: SessiondError, check: Check) -> None:
    """What is the server's doing is no fault of the request."""
    assert check == check_of_error(error)
