"""Values made for every message: immutable, compared by content, silent about what people said."""

import gc

import pytest
from msgspec.structs import replace

from sessiond.core.ids import ConnectionId, parse_user_id
from sessiond.core.session.program import Context
from sessiond.core.session.snapshot import Snapshot
from sessiond.core.session.state import Attachment, SessionState, fresh_state
from sessiond.core.values import Value


def state() -> SessionState:
    return fresh_state(parse_user_id("anna"), session_id="s1", now=1.0)


def test_a_value_cannot_be_changed() -> None:
    """A failed turn is undone by forgetting a value: nothing may have changed the one before."""
    with pytest.raises(AttributeError, match="immutable"):
        state().user = parse_user_id("other")  # type: ignore[misc]


def test_values_are_equal_by_content() -> None:
    """Equal bytes mean that nothing has to be written."""
    assert state() == state()
    assert state() != replace(state(), outbox=(1,))


def test_private_fields_are_not_in_the_repr() -> None:
    """What a person or an app said does not reach logs through an f-string."""
    snapshot = Snapshot(session_id="s1", created_at=1.0, data=b'{"pin":"4711"}')
    attachment = Attachment(ConnectionId(1), "phone", 1.0, 0, {"name": "Ottilie"})
    shown = repr(replace(state(), snapshot=snapshot, attachments=(attachment,)))
    assert "4711" not in shown
    assert "Ottilie" not in shown
    assert "4711" not in repr(snapshot)
    assert "anna" in shown


def test_every_private_name_is_a_field() -> None:
    """A field that was renamed does not become public by it."""

    def all_of(cls: type[Value]) -> list[type[Value]]:
        return [one for sub in cls.__subclasses__() for one in (sub, *all_of(sub))]

    classes = all_of(Value)
    assert {Snapshot, SessionState, Attachment} <= set(classes)
    for cls in classes:
        assert set(cls.__struct_fields__) >= cls.PRIVATE, cls


def test_the_collector_looks_only_at_what_may_be_in_a_cycle() -> None:
    """The account is an object of the app, which may refer to anything."""
    assert not gc.is_tracked(state())
    assert gc.is_tracked(Context(state(), 1.0, account=[]))
