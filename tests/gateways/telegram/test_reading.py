"""What updates hold (sessiond/gateways/telegram/reading.py)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Heard, Notice
from tests.gateways.telegram.updates import CHAT, INBOUND, NOW, message, read, recorded, tap, told


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_updates_are_read(name: str) -> None:
    """Each recorded update means what its file says: messages, taps, groups, edits, kinds that nobody knows."""
    exchange = recorded(name)

    assert exchange["expected"] == told(read(exchange["body"]))


def heard(body: Any, **settings: Any) -> Heard:
    found = read(body, **settings)
    assert isinstance(found, Heard)
    return found


def kind(body: Any, **settings: Any) -> str:
    found = read(body, **settings)
    assert isinstance(found, Notice)
    return found.kind


def test_an_update_that_is_sent_again_has_the_same_id() -> None:
    """Telegram repeats what was not answered 200; two updates never share an id."""
    assert heard(message(text="hi")).id == heard(message(text="hi")).id == "731"
    assert heard(tap()).id == heard(tap()).id != heard(tap() | {"update_id": 733}).id


def test_a_chat_is_who_speaks() -> None:
    """It is where answers go, whoever else is named."""
    said = heard(message(text="hi", **{"from": {"id": 1, "first_name": "Kofi"}}))

    assert ("telegram", str(CHAT), "") == (
        said.facts.platform,
        said.facts.user_id,
        said.facts.msisdn,
    )


@pytest.mark.parametrize("text", ["0", "#", "00", "*920*44#", "1"])
def test_zero_and_hash_are_answers(text: str) -> None:
    """Nothing is navigation here."""
    assert text == heard(message(text=text)).answer.text


def test_a_message_of_5000_characters_is_taken_whole() -> None:
    """Longer than Telegram's own limit: how much a flow takes is its business."""
    assert 5000 == len(heard(message(text="x" * 5000)).answer.text)


@pytest.mark.parametrize("at", [0, 1, NOW - 86_400, NOW + 86_400, 10**12 - 1])
def test_ancient_and_future_messages_are_run(at: int) -> None:
    """Unless the owner has said otherwise: what is repeated after an outage is old."""
    assert float(at) == heard(message(text="hi", date=at)).sent_at


def test_ancient_and_future_messages_can_be_refused() -> None:
    """They are told of, and not run; a tap has no time of its own."""
    limits = {"max_age_seconds": 60.0, "max_ahead_seconds": 5.0}

    assert "too_old" == kind(message(text="hi", date=NOW - 61), **limits)
    assert "from_future" == kind(message(text="hi", date=NOW + 6), **limits)
    assert heard(message(text="hi", date=NOW - 60), **limits).id
    assert heard(tap(), **limits).id


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": None},
        {"date": "now"},
        {"date": -1},
        {"date": 10**12},
        {"date": 1.5},
        {"chat": None},
        {"chat": {"type": "private"}},
        {"chat": {"id": "5512", "type": "private"}},
        {"chat": {"id": 10**40, "type": "private"}},
        {"chat": {"id": -(2**63) - 1, "type": "private"}},
        {"chat": {"id": 1e300, "type": "private"}},
        {"message_id": None},
        {"from": "Ama"},
        {"text": None},
        {"text": 5},
        {"text": ["hi"]},
    ],
)
def test_a_message_with_wrong_or_missing_fields_is_told_of(wrong: dict[str, Any]) -> None:
    """Null, a wrong type, nothing at all: refused it would come again for ever, and keep newer ones back."""
    assert "malformed" == kind(message(**{"text": "hi", **wrong}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": "x" * 129},
        {"id": "é"},
        {"from": None},
        {"message": {"message_id": 1}},
        {"data": 5},
    ],
)
def test_a_tap_with_wrong_or_missing_fields_is_told_of(wrong: dict[str, Any]) -> None:
    """Likewise."""
    assert "malformed" == kind(tap(**wrong))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"5",
        b"\xff\xfe",
        b"update_id=731&message=",
        b"[" * 100_000,
        b'{"update_id":731}',
        b'{"message":{"text":"hi"}}',
        b'{"update_id":null,"message":{}}',
        b'{"update_id":"731","message":{}}',
        b'{"update_id":1.5,"message":{}}',
        b'{"update_id":99999999999999999999,"message":{}}',
    ],
)
def test_what_is_no_update_is_refused(body: bytes) -> None:
    """Empty, null, half, binary, a form, nested without end, ids missing or of wrong types: a clear error."""
    with pytest.raises(InvalidInput, match=r"^telegram: "):
        read(body)


@pytest.mark.parametrize("language", ["<script>", "x" * 36, "é", "a b"])
def test_a_language_is_a_tag(language: str) -> None:
    """What is none is not known."""
    said = message(text="hi", **{"from": {"id": CHAT, "language_code": language}})

    assert "" == heard(said).language


def test_a_kind_that_is_no_name_is_called_unknown() -> None:
    """Kinds become part of logs and counters: nobody chooses what stands there."""
    assert "unknown" == kind({"update_id": 1, "\x1b[31m": {}})


def test_nothing_that_was_said_is_in_a_repr() -> None:
    """Texts, names and ids of people stay out of logs."""
    found = repr([read(message(text="secret")), read(tap("secret")), read(message(dice="secret"))])

    assert "secret" not in found
    assert "Ama" not in found
    assert str(CHAT) not in found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else items
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


@given(st.data())
def test_whatever_stands_in_an_update_is_read_or_refused(data: st.DataObject) -> None:
    """Any value in any place of any recorded update: read, or refused; never another error."""
    body = recorded(data.draw(st.sampled_from(INBOUND)))["body"]
    path = data.draw(st.sampled_from(places(body)[1:]))
    at = body
    for key in path[:-1]:
        at = at[key]
    if data.draw(st.booleans()):
        del at[path[-1]]
    else:
        at[path[-1]] = data.draw(JSON)

    try:
        read(body)
    except InvalidInput:
        return


@given(st.binary(max_size=300), st.data())
def test_whatever_bytes_come_are_read_or_refused(noise: bytes, data: st.DataObject) -> None:
    """Noise, and recorded updates with noise inside (bad UTF-8, lone surrogates), too."""
    body = json.dumps(recorded(data.draw(st.sampled_from(INBOUND)))["body"]).encode()
    cut = data.draw(st.integers(0, len(body)))
    odd = body.replace(b'"hi"', rb'"\ud800"')
    for raw in (noise, body[:cut] + noise + body[cut:], body[:cut], odd):
        try:
            read(raw)
        except InvalidInput:
            continue
