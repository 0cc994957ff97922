"""What apps hand over is JSON, or an error for their author."""

import pytest

from sessiond.app.encoding import encode_json
from sessiond.core.errors import AppFailed


def test_what_json_cannot_say_is_named() -> None:
    """The error tells what is right, and never shows the value."""
    with pytest.raises(AppFailed, match="what the handler returned") as failed:
        encode_json(object(), "what the handler returned")

    assert "datetime" in str(failed.value)
