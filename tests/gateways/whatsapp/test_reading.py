"""What webhooks hold (sessiond/gateways/whatsapp/reading.py and what it is made of)."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.gateways.arrivals import Heard, Notice
from tests.gateways.whatsapp.webhooks import (
    AMA,
    INBOUND,
    NOW,
    change,
    kinds,
    read,
    recorded,
    text,
    told,
    webhook,
)


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_webhooks_are_read(name: str) -> None:
    """Each recorded webhook means what its file says: every message kind, statuses, other fields."""
    exchange = recorded(name)

    assert exchange["expected"] == [told(one) for one in read(exchange["body"])]


def test_a_batch_is_read_in_order_of_time() -> None:
    """Fault 6: every entry, change and message counts; of one second, in the order of the body."""
    first = change(messages=[text("c", n=3, at=NOW + 5), text("a", n=1, at=NOW)])
    second = change(messages=[text("b", n=2, at=NOW + 1), text("d", n=4, at=NOW + 5)])
    body = webhook(first)
    body["entry"] += webhook(second)["entry"]

    assert ["a", "b", "c", "d"] == kinds(body)


@given(
    st.lists(st.tuples(st.sampled_from(["233241112223", "233201112224"]), st.integers(0, 5))),
    st.randoms(),
)
def test_each_sender_keeps_their_order(sent: list[tuple[str, int]], order: random.Random) -> None:
    """However a batch is cut into entries and changes, each person's messages come in order of time, stably."""
    messages = [
        text(str(n), n=n, at=NOW + at) | {"from": sender} for n, (sender, at) in enumerate(sent)
    ]
    body = webhook()
    for message in messages:
        if not body["entry"] or order.random() < 0.3:
            body["entry"] += webhook()["entry"]
        if not body["entry"][-1]["changes"] or order.random() < 0.5:
            body["entry"][-1]["changes"].append(change(messages=[]))
        body["entry"][-1]["changes"][-1]["value"]["messages"].append(message)

    heard = [one for one in read(body) if isinstance(one, Heard)]
    for sender in ("233241112223", "233201112224"):
        wanted = sorted((at, n) for n, (who, at) in enumerate(sent) if who == sender)
        got = [int(one.answer.text) for one in heard if one.facts.msisdn == f"+{sender}"]
        assert [n for _, n in wanted] == got


def test_a_batch_of_three_megabytes_is_read() -> None:
    """The largest that Meta sends: fifteen thousand messages, all of them, in order."""
    body = webhook(change(messages=[text("x" * 60, n=n, at=NOW + n // 10) for n in range(15_000)]))
    assert len(json.dumps(body)) > 2_500_000

    assert [f"wamid.{n}" for n in range(15_000)] == [one.id for one in read(body)]


def test_another_numbers_webhook_is_refused() -> None:
    """What is for another number alone is answered 403, so that its owner notices; nothing of it is kept."""
    with pytest.raises(Refused) as caught:
        read(webhook(change("999", messages=[text("hi")])))
    assert ErrorCode.FORBIDDEN == caught.value.code


def test_another_numbers_messages_in_our_webhook_are_passed_over() -> None:
    """Ours are not lost for them: the notice of theirs has nothing of what was said."""
    found = read(webhook(change("999", messages=[text("theirs")]), change(messages=[text("ours")])))

    assert [Notice(kind="other_number", body=b"{}")] == [
        one for one in found if isinstance(one, Notice)
    ]
    assert ["ours"] == [one.answer.text for one in found if isinstance(one, Heard)]


def test_another_numbers_echoes_are_not_handed_on() -> None:
    """Fields other than messages name their number too."""
    echo = change("999", message_echoes=[]) | {"field": "smb_message_echoes"}

    with pytest.raises(Refused):
        read(webhook(echo))


def test_news_of_another_business_account_are_not_ours() -> None:
    """News of templates name no number: the account they are about decides, where it is known."""
    body = recorded("template_update")["body"]

    assert ["<message_template_status_update>"] == kinds(
        body, business_account_id="102290129340398"
    )
    with pytest.raises(Refused):
        read(body, business_account_id="5")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"object=whatsapp_business_account&entry=",
        b"[" * 100_000,
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":null}',
        b'{"object":"whatsapp_business_account","entry":{}}',
        b'{"object":"page","entry":[]}',
        b'{"object":1,"entry":[]}',
    ],
)
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    """Empty, null, half, binary, a form, nested without end, fields missing or of wrong types: a clear error."""
    with pytest.raises(InvalidInput, match=r"^whatsapp: "):
        read(body)


@pytest.mark.parametrize(
    "broken", [5, None, "x", [], {}, {"field": 1}, {"field": "messages", "value": None}]
)
def test_a_broken_change_does_not_harm_the_others(broken: object) -> None:
    """A change, or an entry, that is none is a notice too."""
    body = webhook(change(messages=[text("good")]))
    body["entry"][0]["changes"].insert(0, broken)
    body["entry"].insert(0, broken)

    assert ["<malformed>", "<malformed>", "good"] == kinds(body)


def test_a_webhook_without_a_number_is_no_ones() -> None:
    """Messages that do not say which number they are for are not run."""
    body = webhook(change(messages=[text()]))
    del body["entry"][0]["changes"][0]["value"]["metadata"]

    assert ["<malformed>"] == kinds(body)


def test_nothing_that_was_said_is_in_a_repr() -> None:
    """Fault 14: numbers, names and texts stay out of logs."""
    found = repr(read(webhook(change(messages=[text("secret"), text() | {"type": "order"}]))))

    assert "secret" not in found
    assert AMA not in found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


@given(st.data())
def test_whatever_stands_in_a_webhook_is_read_or_refused(data: st.DataObject) -> None:
    """Any value in any place of any recorded webhook: read, or refused; never another error."""
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
    except (InvalidInput, Refused):
        return


@given(st.binary(max_size=300), st.data())
def test_whatever_bytes_come_are_read_or_refused(noise: bytes, data: st.DataObject) -> None:
    """Noise, and recorded webhooks with noise inside (bad UTF-8, lone surrogates), too."""
    body = json.dumps(recorded(data.draw(st.sampled_from(INBOUND)))["body"]).encode()
    cut = data.draw(st.integers(0, len(body)))
    for raw in (
        noise,
        body[:cut] + noise + body[cut:],
        body[:cut],
        body.replace(b'"hi"', rb'"\ud800"'),
    ):
        try:
            read(raw)
        except (InvalidInput, Refused):
            continue
