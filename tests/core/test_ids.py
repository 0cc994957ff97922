"""Identifiers (sessiond/core/ids.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import (
    DIGEST_BYTES,
    PARTITIONS,
    UserId,
    input_digest,
    parse_user_id,
    partition_of,
)
from sessiond.testing.strategies import user_ids


@given(user_ids())
def test_a_user_id_is_taken_as_it_is(user: UserId) -> None:
    """Printable text of at most 128 bytes names a user, unchanged: the id belongs to whoever made it."""
    assert user == parse_user_id(user)


@pytest.mark.parametrize(
    "text",
    ["", "a" * 129, "ü" * 65, "a\nb", "a\x00", "a\u200bb", "\ud800"],
    ids=["empty", "long", "long in bytes", "line break", "NUL", "invisible", "half a pair"],
)
def test_what_cannot_be_a_user_id_is_refused(text: str) -> None:
    """A bad id is named as bad, and not repeated: it may be a phone number."""
    with pytest.raises(InvalidInput) as caught:
        parse_user_id(text)

    assert not text or text not in str(caught.value)


def test_partitions_never_change() -> None:
    """A user's partition is part of what is stored: the numbers are fixed."""
    users = ["ann@example.org", "user-1", "ü"]

    assert [104, 20, 213] == [partition_of(UserId(user)) for user in users]


@given(user_ids())
def test_every_user_has_a_partition(user: UserId) -> None:
    """Each of the 256 partitions is a number from 0."""
    assert partition_of(user) in range(PARTITIONS)


def test_digests_never_change() -> None:
    """A digest is stored in duplicate windows: its value is fixed."""
    assert "a6e2f688e0102229573a4ff04b7dc7ee" == input_digest("client", "1").hex()


@given(st.text(min_size=1, max_size=64), st.text(max_size=100), st.text(max_size=100))
def test_scopes_do_not_share_ids(input_id: str, scope: str, other: str) -> None:
    """The same id at two doors names two inputs, however long the doors' names are."""
    digest = input_digest("hook:" + "x" * 80 + scope, input_id)

    assert DIGEST_BYTES == len(digest)
    assert (scope == other) == (digest == input_digest("hook:" + "x" * 80 + other, input_id))


@pytest.mark.parametrize("input_id", ["", "x" * 257, "ü" * 129])
def test_an_input_id_has_bounds(input_id: str) -> None:
    """An id that says nothing, or too much, is refused."""
    with pytest.raises(InvalidInput, match="1 to 256 bytes"):
        input_digest("client", input_id)


def test_half_of_a_surrogate_pair_is_an_id() -> None:
    """JSON may carry lone surrogates; they are no reason to crash, and two of them are two ids."""
    assert input_digest("client", "\ud800") != input_digest("client", "\ud801")
