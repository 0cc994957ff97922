"""Recorded values: encoded at once, and never something else when they come back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.flows.faults import NotStorable
from sessiond.core.flows.stored import decode_value, encode_value

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


class Size(StrEnum):
    SMALL = "s"


@frozen
class Person:
    name: str


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    """What JSON has a form for is the same after a restart."""
    raw, told = encode_value(value, "it")

    assert value == told
    assert value == decode_value(raw)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", [], {}])
def test_falsy_values_are_values(value: object) -> None:
    """Nothing falsy is turned into something else."""
    raw, told = encode_value(value, "it")

    assert (value, type(value)) == (told, type(told))
    assert value == decode_value(msgspec.Raw(raw))


def test_a_live_flow_gets_the_decoded_value() -> None:
    """A tuple comes back as a list after a restart, so the live flow gets a list too."""
    assert [1, [2]] == encode_value((1, (2,)), "it")[1]


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        {1: "a"},
        Decimal(1),
        dt.datetime.now(tz=dt.UTC),
        Size.SMALL,
        Person("Ama"),
        object(),
        float("nan"),
        [float("inf")],
        ({"deep": [b""]},),
        "lone \ud800 surrogate",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_come_back_changed_is_refused_at_once(value: object) -> None:
    """No value is silently turned into another type, and the error does not repeat it."""
    with pytest.raises(NotStorable, match=r"^the answer to 'x' ") as caught:
        encode_value(value, "the answer to 'x'")

    assert "Ama" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "as_type"),
    [
        (Decimal("10.50"), Decimal),
        (Size.SMALL, Size),
        (Person("Ama"), Person),
        (dt.date(2026, 11, 21), dt.date),
        ((1, 2), tuple[int, int]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_type_brings_its_values_back(value: object, as_type: object) -> None:
    """With a type to decode as, other values are recorded too."""
    raw, told = encode_value(value, "it", as_type)

    assert value == told == decode_value(raw, as_type)


def test_a_value_that_does_not_fit_its_type_is_refused() -> None:
    """The type is tried when the value is recorded, not after a restart."""
    with pytest.raises(NotStorable, match="cannot be recorded"):
        encode_value("ten", "it", int)
    with pytest.raises(NotStorable, match="comes back changed"):
        encode_value((1, 2), "it", list)


def test_endless_values_are_refused() -> None:
    """A list that contains itself has no JSON."""
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(NotStorable):
        encode_value(endless, "it")


@pytest.mark.parametrize("as_type", [None, list])
def test_values_that_nest_too_deeply_are_refused(as_type: object) -> None:
    """At once, and not when the conversation is read again from a deeper stack."""
    value: list[object] = []
    for _ in range(255):
        value = [value]

    raw, told = encode_value(value, "it", as_type)
    assert value == told == decode_value(raw, as_type)
    with pytest.raises(NotStorable, match="it is nested deeper than 256 levels"):
        encode_value([value], "it", as_type)


class Touchy(msgspec.Struct, eq=False):
    """A class of an author, with code of its own in it."""

    number: int

    def __post_init__(self) -> None:
        if self.number == 0:
            raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise OSError("no line to the service that compares")

    def __hash__(self) -> int:
        return self.number


def test_whatever_a_class_of_the_author_raises() -> None:
    """When it is compared or made: the value cannot be recorded, and that is the flow's failure."""
    nothing = Touchy(1)
    nothing.number = 0

    with pytest.raises(NotStorable, match=r"it cannot be recorded \(OSError\)"):
        encode_value(Touchy(1), "it", Touchy)
    with pytest.raises(NotStorable, match=r"it cannot be recorded \(ZeroDivisionError\)"):
        encode_value(nothing, "it", Touchy)
