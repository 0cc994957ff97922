"""How deep JSON may nest (sessiond/core/nesting.py)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.nesting import MAX_NESTING, nests_too_deeply


@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [("[", "]", 1), ('["",0,', "]", 1), ('{"a":', "}", 1), ('["\\"[",{"a[":', '},"\\\\",[]]', 2)],
)
def test_the_bound_is_the_same_whatever_nests(opening: str, closing: str, levels: int) -> None:
    """Arrays and objects count alike; one level more, of either kind, is too many."""
    times = MAX_NESTING // levels - 1
    most = "[" * (MAX_NESTING - times * levels - 1), "]" * (MAX_NESTING - times * levels - 1)
    text = f"{most[0]}{opening * times}[]{closing * times}{most[1]}".replace(",]", ",0]").encode()

    assert msgspec.json.decode(text)
    assert not nests_too_deeply(text)
    assert nests_too_deeply(b"[%b]" % text)
    assert nests_too_deeply(b'{"":%b}' % text)


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"[]," * 1000 + b"0]",
        json.dumps(["[" * 1000]).encode(),
        json.dumps(['"' + "[" * 1000 + "\\"] * 3).encode(),
        json.dumps({"[" * 400: {"{" * 400: "\\\\" + '\\"['}}).encode(),
    ],
)
def test_wide_is_not_deep(text: bytes) -> None:
    """And brackets in strings are none, whatever is escaped around them."""
    assert not nests_too_deeply(text)


def test_a_text_without_an_end_is_too_deep() -> None:
    """Whoever parses it need not find out how much the interpreter bears."""
    assert nests_too_deeply(b"[" * 1_000_000)
    assert nests_too_deeply(bytearray(b'{"a":' * 1_000_000))


_VALUES = st.recursive(
    st.none() | st.text(alphabet='[]{}",\\:a', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\'), inner, max_size=3)
    ),
)


@given(_VALUES, st.integers(0, 2 * MAX_NESTING))
def test_it_counts_what_a_parser_counts(value: object, around: int) -> None:
    """For whatever there is in the middle."""

    def depth(part: object) -> int:
        if isinstance(part, dict):
            part = list(part.values())
        return 1 + max(map(depth, part), default=0) if isinstance(part, list) else 0

    text = b"[" * around + msgspec.json.encode(value) + b"]" * around

    assert (around + depth(value) > MAX_NESTING) == nests_too_deeply(text)
