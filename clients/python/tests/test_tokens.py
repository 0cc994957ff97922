"""When a token runs out."""

import jwt
import pytest

from sessiond_client.tokens import seconds_until_refresh

NOW = 1_000_000.0


def token(**claims: object) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(("left", "wait"), [(3600, 3540), (100, 90), (0, 0), (-5, 0)])
def test_a_token_is_renewed_before_it_expires(left: int, wait: float) -> None:
    """A minute before, or at nine tenths of a short life; at once when it is too late."""
    assert seconds_until_refresh(token(exp=int(NOW) + left), NOW) == wait


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "a.!!!.c", token(sub="ada")])
def test_a_token_that_does_not_say_is_not_renewed(text: str) -> None:
    """The server accepts what it accepts."""
    assert seconds_until_refresh(text, NOW) is None
