"""What apps hand over is JSON, or an error for their author."""

import pytest

from sessiond.app.encoding import encode_json
from sessiond.core.errors import AppFailed


def test_what_json_cannot_say_is_named() -> None:
    """The error tells what is right, and never shows the value."""
    with pytest.raises(AppFailed, match="what the handler returned") as failed:
        encode_json(object(), "what the handler returned")

    assert "datetime" in str(failed.value)


def test_what_nests_too_deeply_is_refused() -> None:
    """It could be read again by few: what is handed over may be kept, and pushed to browsers."""
    value: list[object] = []
    for _ in range(255):
        value = [value]

    assert b"[" * 256 + b"]" * 256 == encode_json(value, "what the handler returned")
    with pytest.raises(AppFailed, match="returned cannot be sent: it is nested deeper than 256"):
        encode_json([value], "what the handler returned")
