"""Africa's Talking USSD and its relatives (sessiond/gateways/africastalking.py)."""

import json
from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.dials import LastRequest, inputs_of, last_request
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.gateways.africastalking import AfricasTalking, AfricasTalkingSettings, FieldNames
from tests.gateways.recorded import bodies, broken, differences, exchanges, only, request_of

TOKEN = "0123456789abcdef"
FORM = "application/x-www-form-urlencoded"
GATEWAY = AfricasTalking(AfricasTalkingSettings(tokens=(TOKEN,), region="KE"))
EXCHANGES = exchanges("africastalking")
REQUEST = {
    "sessionId": "S",
    "serviceCode": "*384*123#",
    "phoneNumber": "+254711000001",
    "networkCode": "63902",
    "text": "",
}


def read(gateway: AfricasTalking = GATEWAY, **changed: str) -> Sequence[Arrived]:
    return gateway.read(request_of(urlencode(REQUEST | changed), media_type=FORM))


def typed(requests: Sequence[str]) -> list[list[str]]:
    """Hand in the texts of one session, one after the other: what is new in each."""
    last: LastRequest | None = None
    found = []
    for text in requests:
        heard = only(read(text=text))
        found.append([one.answer.text for one in inputs_of((heard,), last)])
        last = last_request(heard)
    return found


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(name: str) -> None:
    """What is sent is read, and answered with CON or END."""
    exchange = EXCHANGES[name]
    arrived = GATEWAY.read(exchange.request)

    assert differences(arrived, exchange.arrivals) == []
    for answer in exchange.answers:
        written = GATEWAY.answer(only(arrived), answer["text"], is_last=answer["is_last"])
        assert (200, answer["media_type"]) == (written.status, written.media_type)
        assert answer["body"] == written.body.decode()


def test_it_is_an_answering_gateway() -> None:
    """Pages of 160 characters are safe on every network."""
    assert isinstance(GATEWAY, AnsweringGateway)
    assert ("africastalking", "ussd", 160) == (
        GATEWAY.name,
        GATEWAY.platform,
        GATEWAY.limits.characters,
    )


def test_only_what_follows_the_text_already_seen_is_new() -> None:
    """The text repeats everything typed so far; the dial has none of it."""
    assert [[""], ["1"], ["250"], ["1"]] == typed(["", "1", "1*250", "1*250*1"])


def test_a_first_request_with_several_answers() -> None:
    """``*384*123*1*2#``: the dial, then each answer by itself, then what is typed as always."""
    assert [["", "1", "2"], ["3"]] == typed(["1*2", "1*2*3"])


def test_a_star_that_was_typed_is_kept() -> None:
    """Within a session there is one answer per request."""
    assert [[""], ["*"], ["2*3"]] == typed(["", "*", "**2*3"])


def test_an_empty_answer_is_an_answer() -> None:
    """It makes the text longer by a star."""
    assert [[""], ["1"], [""], ["2"]] == typed(["", "1", "1*", "1**2"])


def test_a_repeated_request_has_nothing_new() -> None:
    """It gets the answer that was given; a late repeat of an older one as well."""
    assert [[""], ["1"], [], ["2"], [], []] == typed(["", "1", "1", "1*2", "1*2", "1"])


def test_repeats_have_the_same_ids() -> None:
    """Of a request, and of each answer dialled with the first one; within a session no two inputs share one."""
    first = only(read(text="12*3"))
    again = only(read(text="12*3"))
    inputs = inputs_of((first,), None)
    next_input = inputs_of((only(read(text="12*3*4")),), last_request(first))

    assert inputs == inputs_of((again,), None)
    assert ["S:4.dial", "S:4.3", "S:4.5", "S:6"] == [one.id for one in (*inputs, *next_input)]


def test_a_text_that_begins_anew() -> None:
    """Something was lost: the last answer is taken."""
    assert [[""], ["1"], ["7"]] == typed(["", "1", "9*7"])


def test_a_relative_with_get_and_other_names() -> None:
    """SESSIONID, MSISDN, USSDCODE and INPUT, all in the address, the last answer alone."""
    names = FieldNames(
        session="SESSIONID", phone="MSISDN", text="INPUT", service_code="USSDCODE", network="NET"
    )
    gateway = AfricasTalking(
        AfricasTalkingSettings(
            name="other", tokens=(TOKEN,), method="GET", fields=names, cumulative=False
        )
    )
    query = f"token={TOKEN}&SESSIONID=9&MSISDN=254711000001&USSDCODE=*384%23&INPUT=2"
    request = request_of("", method="GET", query=query, media_type="")

    assert gateway.check(request) is None
    heard = only(gateway.read(request))
    assert ("2", None, "", "+254711000001") == (
        heard.answer.text,
        heard.so_far,
        heard.id,
        heard.facts.msisdn,
    )
    assert ("9", "other", "*384#") == (
        heard.facts.request_id,
        heard.facts.gateway,
        heard.dialled,
    )
    refused = gateway.check(request_of("", query=query, media_type=FORM))
    assert refused is not None
    assert 405 == refused.status


def test_a_relative_with_posted_other_names() -> None:
    """session_id, msisdn, ussd_string."""
    names = FieldNames(session="session_id", phone="msisdn", text="ussd_string")
    gateway = AfricasTalking(AfricasTalkingSettings(tokens=(TOKEN,), fields=names))
    heard = only(
        gateway.read(
            request_of("session_id=4&msisdn=254711000001&ussd_string=1*2", media_type=FORM)
        )
    )

    assert ("4", "1*2") == (heard.facts.request_id, heard.so_far)


@pytest.mark.parametrize(
    "wrong",
    [{"text": ""}, {"text": "phoneNumber"}, {"session": "token"}],
    ids=["empty", "twice", "token"],
)
def test_names_that_cannot_be_are_refused(wrong: dict[str, str]) -> None:
    """Each field has one."""
    with pytest.raises(InvalidInput):
        FieldNames(**wrong)


def test_other_methods_are_refused() -> None:
    """POST and GET are all there are."""
    with pytest.raises(InvalidInput):
        AfricasTalkingSettings(tokens=(TOKEN,), method="PUT")


@pytest.mark.parametrize(
    "written", ["+254711000001", "254711000001", "0711000001", " 254711000001"]
)
def test_numbers_are_in_one_form(written: str) -> None:
    """Also when the plus was not escaped, and became a blank."""
    assert "+254711000001" == only(read(phoneNumber=written)).facts.msisdn


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sessionId=&phoneNumber=%2B254711000001&text=", "sessionId is missing"),
        ("phoneNumber=%2B254711000001&text=", "sessionId is missing"),
        ("sessionId=S&text=", "phoneNumber is missing"),
        ("sessionId=S&phoneNumber=%2B254711000001", "text is missing"),
        ("sessionId=S&phoneNumber=nobody&text=", "not a phone number"),
        (
            "sessionId=S&sessionId=T&phoneNumber=%2B254711000001",
            "a field of the form is there twice",
        ),
        (json.dumps(REQUEST), "sessionId is missing"),
    ],
)
def test_missing_fields_and_json_where_a_form_is_due(body: str, message: str) -> None:
    """The field is named, its value is not repeated."""
    with pytest.raises(InvalidInput) as caught:
        GATEWAY.read(request_of(body, media_type=FORM))

    assert message == str(caught.value)


def test_what_a_notification_tells_is_no_input() -> None:
    """What the person typed and read, and the number, are left out of what is recorded; nobody waits for an answer."""
    notice, heard = GATEWAY.read(EXCHANGES["cut_off"].request)

    assert isinstance(notice, Notice)
    assert not any(secret in notice.body for secret in (b"secret", b"pin", b"254711"))
    assert isinstance(heard, Heard)
    assert (heard,) == inputs_of((heard,), LastRequest(session="ATUid_9f1c", so_far="1"))
    assert (200, b"") == (GATEWAY.acknowledge().status, GATEWAY.acknowledge().body)


def test_an_unknown_status_is_told_of() -> None:
    """It does not become part of a name."""
    body = "sessionId=S&phoneNumber=%2B254711000001&status=Exploded"
    (notice,) = GATEWAY.read(request_of(body, media_type=FORM))

    assert isinstance(notice, Notice)
    assert "session_unknown" == notice.kind


def test_a_refusal_is_a_last_screen() -> None:
    """At most a page: END and 160 characters."""
    written = GATEWAY.refuse(request_of("x"), "y" * 300)

    assert b"END " + b"y" * 157 + b"..." == written.body


@given(st.sampled_from(bodies("africastalking")).flatmap(broken))
def test_damaged_requests_are_read_or_refused(body: bytes) -> None:
    """Nothing else is raised, whatever the bytes."""
    try:
        arrived = GATEWAY.read(request_of(body, media_type=FORM))
    except InvalidInput:
        return

    assert all(isinstance(one, Heard | Notice) for one in arrived)


#: An empty first answer leaves the text empty: it looks like a repeat, and is answered like one.
ANSWERS = st.lists(st.text("0123456789#a", max_size=4), max_size=6).filter(
    lambda answers: answers[:1] != [""]
)


@given(ANSWERS)
def test_a_whole_session_is_understood(answers: list[str]) -> None:
    """Whatever is typed, each request has exactly what is new in it."""
    requests = ["*".join(answers[:n]) for n in range(len(answers) + 1)]
    assert [[""], *([one] for one in answers)] == typed(requests)
