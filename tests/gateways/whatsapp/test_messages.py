"""One message of a person (sessiond/gateways/whatsapp/messages.py)."""

from typing import Any

import pytest

from sessiond.core.gateways.arrivals import Heard
from tests.gateways.whatsapp.webhooks import AMA, NOW, change, kinds, read, text, webhook


@pytest.mark.parametrize(
    "broken",
    [
        {"id": None},
        {"id": ""},
        {"id": "x" * 257},
        {"id": 5},
        {"timestamp": None},
        {"timestamp": "soon"},
        {"timestamp": "9" * 13},
        {"timestamp": "-5"},
        {"timestamp": "١٧٣٩"},
        {"timestamp": 1.5},
        {"type": None},
        {"text": None},
        {"text": {}},
        {"text": {"body": 5}},
        {"text": "hi"},
        {"from": None},
        {"from": ""},
        {"from": 233241112223},
        {"from": "0"},
        {"from": "0241112223"},
        {"from": "ama"},
        {"from": "2" * 30},
        {"context": "wamid.1"},
        {"type": "image", "image": {"mime_type": "image/png"}},
        {"type": "location", "location": {"latitude": 91, "longitude": 0}},
        {"type": "location", "location": {"latitude": "5.6", "longitude": 0}},
        {"type": "location", "location": {"longitude": 0}},
        {"type": "contacts", "contacts": {}},
        {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {}}},
    ],
)  # fmt: skip
def test_one_broken_message_does_not_harm_the_others(broken: dict[str, Any]) -> None:
    """Missing fields, wrong types, null, impossible numbers and times: a notice; what stands beside it is run."""
    body = webhook(change(messages=[text("bad") | broken, text("good", n=2)]))

    assert ["<malformed>", "good"] == sorted(kinds(body))


@pytest.mark.parametrize(
    "written",
    ["233241112223", "+233241112223", "00233241112223", "+233 24 111 2223", "233-241-112-223",
     "(233) 241112223", "233.241.112.223", " 233241112223", "２３３241112223", "+233/241112223"],
)  # fmt: skip
def test_a_number_in_ten_spellings_is_one_person(written: str) -> None:
    """Whoever writes the number how, the session key is the same."""
    (heard,) = read(webhook(change(messages=[text() | {"from": written}])))

    assert isinstance(heard, Heard)
    assert "+233241112223" == heard.facts.msisdn


@pytest.mark.parametrize(("age", "ran"), [(0, True), (600, True), (601, False), (7 * 86400, False)])
def test_ancient_messages_are_told_of_when_there_is_a_limit(age: int, *, ran: bool) -> None:
    """Above ``max_age_seconds`` a message is a notice of its own kind, with everything it held."""
    body = webhook(change(messages=[text("hi")]))
    found = kinds(body, at=NOW + age, max_age_seconds=600)

    assert [("hi" if ran else "<too_old>")] == found


def test_ancient_messages_are_run_by_default() -> None:
    """Fault 21: what Meta repeats after an outage of a week is not dropped."""
    body = webhook(change(messages=[text("hi")]))

    assert ["hi"] == kinds(body, at=NOW + 7 * 86400)
    assert ["hi"] == kinds(webhook(change(messages=[text("hi", at="0")])))


@pytest.mark.parametrize(("ahead", "ran"), [(300, True), (301, False)])
def test_messages_from_the_future_are_told_of_when_there_is_a_limit(
    ahead: int, *, ran: bool
) -> None:
    """Fault 19: a time from the future does not pass for new."""
    body = webhook(change(messages=[text("hi")]))

    assert [("hi" if ran else "<from_future>")] == kinds(
        body, at=NOW - ahead, max_ahead_seconds=300
    )


def test_names_are_matched_to_their_senders() -> None:
    """Two people in one change: each has their own name, bounded; who cannot be read has none."""
    contacts = [
        {"wa_id": "233201112224", "profile": {"name": "K" * 1000}},
        {"wa_id": AMA, "profile": {"name": "Ama", "username": None}},
        {"wa_id": 5},
    ]
    messages = [text(), text(n=2) | {"from": "233201112224"}, text(n=3) | {"from": "233201112225"}]
    found = read(webhook(change(contacts=contacts, messages=messages)))

    assert [{"name": "Ama"}, {"name": "K" * 256}, {}] == [
        one.profile for one in found if isinstance(one, Heard)
    ]
