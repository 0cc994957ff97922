"""Nsano's USSD (sessiond/gateways/nsano.py)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.dials import inputs_of, last_request
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.gateways.nsano import Nsano, NsanoSettings
from tests.gateways.recorded import bodies, broken, differences, exchanges, only, request_of

TOKEN = "0123456789abcdef"
NSANO = Nsano(NsanoSettings(tokens=(TOKEN,)))
EXCHANGES = exchanges("nsano")
REQUEST = {"network": "MTN", "msisdn": "233241112223", "msg": "1", "UserSessionID": "a7c1f0e2"}


def said(**changed: object) -> Heard:
    return only(NSANO.read(request_of(REQUEST | changed)))


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(name: str) -> None:
    """What Nsano sends is read, and answered in its form: ``input`` goes on, ``prompt`` ends."""
    exchange = EXCHANGES[name]
    arrived = NSANO.read(exchange.request)

    assert differences(arrived, exchange.arrivals) == []
    for answer in exchange.answers:
        written = NSANO.answer(only(arrived), answer["text"], is_last=answer["is_last"])
        assert (200, answer["media_type"]) == (written.status, written.media_type)
        assert answer["body"] == json.loads(written.body)


def test_it_is_an_answering_gateway() -> None:
    """Fault 15: it was announced and never answered. Pages are FlowChat's."""
    assert isinstance(NSANO, AnsweringGateway)
    assert ("nsano", "ussd", 140) == (NSANO.name, NSANO.platform, NSANO.limits.characters)


def test_a_session_that_was_not_seen_before_is_a_dial() -> None:
    """Nothing in the request says so."""
    first = said(msg="")
    (dial,) = inputs_of((first,), None)
    (again,) = inputs_of((said(),), last_request(first))
    begun, answer = inputs_of((said(UserSessionID="b", msg="5"),), last_request(first))

    assert (True, "") == (dial.begins, dial.answer.text)
    assert (False, "1") == (again.begins, again.answer.text)
    assert (True, "", "5") == (begun.begins, begun.answer.text, answer.answer.text)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"UserSessionID": None}, "UserSessionID is missing"),
        ({"UserSessionID": " "}, "UserSessionID is missing"),
        ({"UserSessionID": [1]}, "UserSessionID is not a text"),
        ({"msisdn": None}, "msisdn is missing"),
        ({"msisdn": 12.5}, "msisdn is not a text"),
        ({"msisdn": "5"}, "not a phone number: it has too few or too many digits"),
        ({"msg": {}}, "msg is not a text"),
        ({"network": "M\nTN"}, "network is not made of visible ASCII characters"),
    ],
)
def test_missing_fields_wrong_types_and_null(changed: dict[str, object], message: str) -> None:
    """The field is named, its value is not repeated."""
    with pytest.raises(InvalidInput) as caught:
        said(**changed)

    assert message == str(caught.value)


def test_a_form_is_refused() -> None:
    """Nsano sends JSON."""
    refused = NSANO.check(
        request_of(
            "msisdn=1", media_type="application/x-www-form-urlencoded", query=f"token={TOKEN}"
        )
    )

    assert refused is not None
    assert 415 == refused.status


def test_a_refusal_is_a_last_screen() -> None:
    """At most a page."""
    written = json.loads(NSANO.refuse(request_of("{"), "x" * 500).body)

    assert {"action": "prompt", "menus": "", "title": "x" * 137 + "..."} == written["USSDResp"]


@given(st.sampled_from(bodies("nsano")).flatmap(broken))
def test_damaged_requests_are_read_or_refused(body: bytes) -> None:
    """Nothing else is raised, whatever the bytes."""
    try:
        heard = only(NSANO.read(request_of(body)))
    except InvalidInput:
        return

    assert heard.facts.request_id
    assert NSANO.answer(heard, "Hi", is_last=False).body
