"""A client that stays longer than its token: what it is answered, and until when it may stay."""

import pytest

from sessiond.edges.websocket.renewal import renew
from tests.edges.websocket.pure import Pure, open_pure

BEFORE = 1e12


async def renewed(pure: Pure, token: str, ref: str | None = "7") -> float | None:
    return await renew(pure.connection, ("1", ref, "user:alice"), token, BEFORE)


async def test_a_new_token_counts_from_now_on() -> None:
    """Also when it lasts for less long than the one before: who gave it knows why."""
    pure = await open_pure()

    assert 2e12 == await renewed(pure, "alice@2e12")
    assert 1e11 == await renewed(pure, "alice@1e11")
    told = [(frame.ref, frame.payload) for frame in pure.frames()]
    assert [
        ("7", {"status": "ok", "response": {"expires_at": 2e12}}),
        ("7", {"status": "ok", "response": {"expires_at": 1e11}}),
    ] == told


@pytest.mark.parametrize(("token", "code"), [("bob@2e12", "forbidden"), ("bad", "unauthorized")])
async def test_a_token_that_is_refused_changes_nothing(token: str, code: str) -> None:
    """The client goes on until the one it came with expires, and is told; the token is not repeated."""
    pure = await open_pure()

    assert BEFORE == await renewed(pure, token)
    (frame,) = pure.frames()
    assert ("error", code) == (frame.payload["status"], frame.payload["response"]["code"])
    assert "2e12" not in repr(frame)
    assert pure.close_code() is None


async def test_who_wants_no_answer_gets_none() -> None:
    """A message without a ref; it counts all the same."""
    pure = await open_pure()

    assert 2e12 == await renewed(pure, "alice@2e12", ref=None)
    assert [] == pure.frames()
