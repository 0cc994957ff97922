"""What a flow remembers (sessiond/core/flows/flow_session.py)."""

import datetime as dt
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sessiond.core.errors import AppFailed, InvalidInput, SnapshotCorrupt
from sessiond.core.flows.flow_session import (
    DataKey,
    FlowSession,
    FlowSessionLimits,
    SessionRecord,
    decode_record,
    encode_record,
)
from sessiond.core.structuring import InvalidShape, structure
from sessiond.testing.strategies import json_values

HOUR = 3600.0
FALSY: list[Any] = [None, False, 0, 0.0, "", [], {}]


def session(record: SessionRecord | None = None, now: float = 1000.0) -> FlowSession:
    return FlowSession(record, now=now, platform="ussd")


def test_a_missing_value_is_the_default() -> None:
    """Before anything was set nothing is there, and asking makes nothing."""
    empty = session()

    assert empty.get("name") is None
    assert "you" == empty.get("name", "you")
    assert not empty.exists()
    assert "name" not in empty
    assert empty.record is None


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_falsy_values_are_values(value: Any) -> None:
    """A stored "no" is not a missing answer."""
    kept = session()
    kept.set("answer", value)

    assert value == kept.get("answer", "default")
    assert "answer" in kept
    assert kept.exists()


@given(json_values())
def test_values_come_back(value: Any) -> None:
    """Any JSON value, through the stored bytes."""
    kept = session()
    assert value == kept.set("k", value)
    assert kept.record is not None

    assert value == session(decode_record(encode_record(kept.record))).get("k")


def test_nobody_changes_a_stored_value_by_accident() -> None:
    """What was set and what was got are copies."""
    basket: list[str] = ["tea"]
    kept = session()
    kept.set("basket", basket)
    basket.append("milk")
    kept.get("basket").append("sugar")

    assert ["tea"] == kept.get("basket")


def test_delete_takes_one_value() -> None:
    """Deleting what is not there writes nothing."""
    kept = session()
    assert not kept.delete("a")
    assert kept.record is None

    kept.set("a", 1)
    kept.set("b", 2)
    assert kept.delete("a")
    assert ("b",) == kept.names()


def test_clear_keeps_the_session() -> None:
    """The values are gone, the session has not begun anew."""
    kept = session()
    kept.set("a", 1)
    later = session(kept.record, now=2000.0)
    later.clear()

    assert not later.exists()
    assert later.record is not None
    assert 1000.0 == later.record.created_at
    assert not later.destroyed


def test_destroy_takes_the_session() -> None:
    """The next write makes a new one."""
    kept = session()
    kept.set("a", 1)
    later = session(kept.record, now=2000.0)
    later.destroy()
    assert not later.exists()
    assert later.destroyed
    later.set("b", 2)

    assert later.created
    assert later.record is not None
    assert 2000.0 == later.record.created_at
    assert ("b",) == later.names()


def test_created_is_said_once() -> None:
    """FlowChat said session.created with every request; here a turn says it that made the session."""
    first = session()
    assert not first.created
    first.set("a", 1)
    second = session(first.record)
    second.set("b", 2)

    assert (True, False) == (first.created, second.created)


def test_a_session_made_and_destroyed_in_one_turn_was_never_there() -> None:
    """Neither created nor destroyed is counted."""
    kept = session()
    kept.set("a", 1)
    kept.destroy()

    assert (False, False, None) == (kept.created, kept.destroyed, kept.record)


def test_writes_prolong_the_life_of_a_session() -> None:
    """Reads do not."""
    kept = session(now=0.0)
    kept.set("a", 1)
    read = session(kept.record, now=HOUR - 1)
    assert 1 == read.get("a")
    assert read.record is kept.record
    written = session(kept.record, now=HOUR - 1)
    written.set("b", 2)

    assert session(kept.record, now=HOUR).expired
    assert session(kept.record, now=HOUR).get("a") is None
    assert 1 == session(written.record, now=HOUR).get("a")


def test_an_expired_session_begins_anew() -> None:
    """Nothing of the old one is left after the next write."""
    kept = session(now=0.0)
    kept.set("old", 1)
    late = session(kept.record, now=HOUR)
    late.set("new", 2)

    assert ("new",) == late.names()
    assert late.created
    assert not late.destroyed


@pytest.mark.parametrize(
    ("platform", "seconds"), [("ussd", HOUR), ("whatsapp", 7 * 24 * HOUR), ("http", 7 * 24 * HOUR)]
)
def test_platforms_have_their_time(platform: str, seconds: float) -> None:
    """A dial is forgotten after an hour, everything else after a week."""
    kept = FlowSession(None, now=0.0, platform=platform)
    kept.set("a", 1)

    assert kept.record is not None
    assert seconds == kept.record.expires_at


@frozen
class Order:
    item: str
    count: int


ORDER = DataKey("order", Order)
BORN = DataKey("born", dt.date)
TAGS = DataKey("tags", list[str])


def test_typed_keys_keep_types() -> None:
    """Classes, dates and lists come back as what they were."""
    kept = session()
    kept.set(ORDER, Order("tea", 2))
    kept.set(BORN, dt.date(2000, 2, 29))
    kept.set(TAGS, ["a"])

    order: Order | None = kept.get(ORDER)
    assert Order("tea", 2) == order
    assert dt.date(2000, 2, 29) == kept.get(BORN)
    assert ["a"] == kept.get(TAGS, [])
    assert {"item": "tea", "count": 2} == kept.get("order")
    assert kept.get(DataKey("none", int)) is None


def test_a_typed_key_refuses_other_values() -> None:
    """When it is set, and when something else was stored under its name; the value is not repeated."""
    kept = session()
    kept.set("order", "secret")

    with pytest.raises(AppFailed, match="type of its key") as caught:
        kept.get(ORDER)
    assert "secret" not in str(caught.value)
    with pytest.raises(AppFailed, match="type of its key"):
        kept.set(DataKey("n", int), "seven")  # type: ignore[misc]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1: "a"}, {"a"}, b"x", object(), "\ud800", dt.date(2000, 1, 1)],
    ids=["nan", "infinity", "number as key", "set", "bytes", "object", "half a pair", "date"],
)
def test_what_cannot_be_stored_is_an_error_at_once(value: Any) -> None:
    """And nothing is changed by it, not even silently into something else."""
    kept = session()

    with pytest.raises(AppFailed, match="'k' must be plain data"):
        kept.set("k", value)
    assert kept.record is None


def test_a_value_that_holds_itself_is_an_error() -> None:
    """Endless and very deep values are refused."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(AppFailed, match="plain data"):
        session().set("k", endless)


@pytest.mark.parametrize("key", ["", "k" * 129, 7, None, "\ud800"], ids=repr)
def test_keys_are_texts(key: Any) -> None:
    """Short ones."""
    with pytest.raises(InvalidInput, match="session key"):
        session().set(key, 1)
    with pytest.raises(InvalidInput, match="session key"):
        session().get(key)


def test_a_session_is_bounded() -> None:
    """The write that would be too much is refused, and what was there stays."""
    limits = FlowSessionLimits(max_bytes=100)
    kept = FlowSession(None, now=0.0, platform="ussd", limits=limits)
    kept.set("a", "x" * 90)

    with pytest.raises(AppFailed, match="may hold 100"):
        kept.set("b", "12345")
    assert ("a",) == kept.names()
    kept.set("a", "")
    kept.set("b", "12345")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"created_at":1,"expires_at":2,"values":[]}', b"[" * 5000]
)
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    """Stored bytes of another shape are an error of the store's doing."""
    with pytest.raises(SnapshotCorrupt):
        decode_record(raw)


@pytest.mark.parametrize(
    "table",
    [
        {"ttl_seconds": {"ussd": 0}},
        {"ttl_seconds": {"ussd": 1e9}},
        {"default_ttl_seconds": -1},
        {"default_ttl_seconds": 1e9},
        {"max_bytes": 0},
    ],
)
def test_limits_are_bounded(table: dict[str, object]) -> None:
    """A session that lives no time is a mistake in the settings."""
    with pytest.raises(InvalidShape, match="must be"):
        structure(table, FlowSessionLimits)


def test_values_are_not_printed() -> None:
    """What a person said is in no repr."""
    kept = session()
    kept.set("pin", "1234")

    assert "1234" not in repr(kept) + repr(kept.record)


class AgainstADict(RuleBasedStateMachine):
    """The verbs, over turns, do what a dict with one expiry time does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = session(now=0.0)
        self.model: dict[str, Any] = {}
        self.expires_at = HOUR

    @rule(key=st.sampled_from("abc"), value=st.sampled_from(FALSY) | st.integers(0, 9))
    def set_value(self, key: str, value: Any) -> None:
        self.session.set(key, value)
        self.model[key] = value
        self.expires_at = self.now + HOUR

    @rule(key=st.sampled_from("abc"))
    def delete(self, key: str) -> None:
        if self.session.delete(key):
            self.expires_at = self.now + HOUR
        self.model.pop(key, None)

    @rule()
    def destroy(self) -> None:
        self.session.destroy()
        self.model.clear()

    @precondition(lambda self: self.model)
    @rule()
    def clear(self) -> None:
        self.session.clear()
        self.model.clear()

    @rule(seconds=st.sampled_from([1.0, 1800.0, 3600.0]))
    def next_turn(self, seconds: float) -> None:
        self.now += seconds
        record = self.session.record
        self.session = session(
            None if record is None else decode_record(encode_record(record)), now=self.now
        )
        if self.now >= self.expires_at:
            self.model.clear()

    @invariant()
    def agrees(self) -> None:
        assert self.model == {key: self.session.get(key) for key in self.session.names()}
        assert bool(self.model) == self.session.exists()


TestAgainstADict = AgainstADict.TestCase


def test_a_language_is_kept_beside_the_values() -> None:
    """It is a write like others; clearing leaves it, destroying does not, and no value has its name."""
    kept = session()
    kept.use_language("FR_ca")
    kept.set("a", 1)
    kept.clear()
    assert kept.record is not None
    back = session(decode_record(encode_record(kept.record)))

    assert ("fr-CA", (), False) == (back.language, back.names(), back.exists())
    assert kept.created
    back.destroy()
    assert "" == back.language


def test_saying_the_same_language_again_writes_nothing() -> None:
    """And one that is no language is refused."""
    first = session()
    first.use_language("fr")
    again = session(first.record, now=2000.0)
    again.use_language("fr")

    assert again.record is first.record
    with pytest.raises(InvalidInput, match="tag"):
        again.use_language("French")


def test_records_from_before_languages_are_read() -> None:
    """They have none; and a record without one is written as before."""
    old = b'{"created_at":1.0,"expires_at":2.0,"values":{}}'

    assert "" == decode_record(old).language
    assert old == encode_record(decode_record(old))
