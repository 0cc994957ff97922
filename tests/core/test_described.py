"""Descriptions of HTTP doors as values (sessiond/core/described.py)."""

import json

from sessiond.core.described import ERROR, RETRY_AFTER, failure
from sessiond.net.http1 import error_response


def test_the_form_of_errors_is_the_one_of_the_loop() -> None:
    """What the HTTP loop writes has the fields that are described as always there, and no others."""
    written = json.loads(error_response(400, "bad_request", "why").body)

    assert ERROR.schema["required"] == [*written]


def test_a_failure_may_have_headers() -> None:
    """They are described with it."""
    assert RETRY_AFTER == failure("later", RETRY_AFTER).headers
    assert {} == failure("never").headers
