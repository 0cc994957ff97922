"""The generic JSON gateway (sessiond/gateways/http.py)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.shown import Readable
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import match_choice
from sessiond.core.flows.prompts import AttachmentKind, Choice, Media, Message
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.gateways.http import HttpGateway, HttpGatewaySettings
from tests.gateways.recorded import bodies, broken, differences, exchanges, only, request_of

TOKEN = "0123456789abcdef"
GATEWAY = HttpGateway(HttpGatewaySettings(tokens=(TOKEN, "another-token-of-16")))
EXCHANGES = exchanges("http")
REQUEST = {"session_id": "s1", "user_id": "u1", "input": "a"}


def said(**changed: object) -> Heard:
    return only(GATEWAY.read(request_of(REQUEST | changed)))


def shown(heard: Heard, content: Readable) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        GATEWAY.answer(heard, "ignored", is_last=False, shown=content).body
    )
    return found


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(name: str) -> None:
    """What a program sends is read, and answered as FlowChat does: prompt, terminal or skip."""
    exchange = EXCHANGES[name]
    arrived = GATEWAY.read(exchange.request)

    assert differences(arrived, exchange.arrivals) == []
    for answer in exchange.answers:
        content = msgspec.convert(answer["shown"], Readable)
        written = GATEWAY.answer(
            only(arrived), answer["text"], is_last=answer["is_last"], shown=content
        )
        assert (200, answer["media_type"]) == (written.status, written.media_type)
        assert answer["body"] == json.loads(written.body)


def test_it_is_an_answering_gateway() -> None:
    """Named as in FlowChat's session ids; texts are shown whole."""
    assert isinstance(GATEWAY, AnsweringGateway)
    assert b'{"status":"processing"}' == GATEWAY.acknowledge().body
    assert ("http_simple", "http", None) == (GATEWAY.name, GATEWAY.platform, GATEWAY.limits.pages)


def test_a_key_comes_before_a_position() -> None:
    """A program picks by key, which may look like the number of another choice."""
    choices = (Choice("2", "Two", 1), Choice("1", "One", 2))
    picked = match_choice(said(input="2").answer, "2", choices)

    assert picked is choices[0]


def test_several_media_are_all_mentioned() -> None:
    """The first one as data, the others as lines; the same one twice is there twice."""
    photo = Media(url="https://cdn.example.com/a.png")
    video = Media(kind=AttachmentKind.VIDEO, url="https://cdn.example.com/b.mp4")
    content = Readable(
        messages=(Message("One", photo), Message("", video), Message("Three", photo))
    )

    found = shown(said(), content)

    assert {"url": "https://cdn.example.com/a.png", "type": "image"} == found["media"]
    assert (
        "One\n\n🎥 Video: https://cdn.example.com/b.mp4\n\n📷 Image: https://cdn.example.com/a.png\n\nThree"
        == found["message"]
    )


def test_media_without_an_address_are_not_data() -> None:
    """Another gateway's id says nothing to a program."""
    found = shown(said(), Readable(messages=(Message("Hi", Media(id="7")),)))

    assert "Hi" == found["message"]
    assert "media" not in found


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"session_id": None}, "session_id is missing"),
        ({"session_id": ""}, "session_id is missing"),
        ({"user_id": None}, "user_id is missing"),
        ({"user_id": ["u"]}, "user_id is not a text"),
        ({"input": {}}, "input is not a text"),
        ({"input": "x" * 20_000}, "input has more than 16384 characters"),
        ({"msisdn": "12"}, "not a phone number: it has too few or too many digits"),
        ({"msisdn": "0241112223"}, "a phone number in local form needs a region"),
        ({"media_url": 1.5}, "media_url is not a text"),
        ({"media_url": "u", "media_type": []}, "media_type is not a text"),
        ({"message_id": "a\nb"}, "message_id is not made of visible ASCII characters"),
    ],
)
def test_missing_fields_wrong_types_and_null(changed: dict[str, object], message: str) -> None:
    """The field is named, its value is not repeated."""
    with pytest.raises(InvalidInput) as caught:
        said(**changed)

    assert message == str(caught.value)


def test_a_number_is_a_text() -> None:
    """JSON of programs has numbers where people type digits."""
    assert ("2", "41") == (said(input=2).answer.text, said(user_id=41).facts.user_id)


def test_the_token_is_in_a_header() -> None:
    """Any of the active ones; in the address it would be in logs."""
    for token in (TOKEN, "another-token-of-16"):
        assert GATEWAY.check(request_of(REQUEST, authorization=f"Bearer {token}")) is None
    for request in (
        request_of(REQUEST),
        request_of(REQUEST, query=f"token={TOKEN}"),
        request_of(REQUEST, authorization=f"Basic {TOKEN}"),
        request_of(REQUEST, authorization="Bearer "),
        request_of(REQUEST, authorization=f"Bearer {TOKEN}x"),
    ):
        refused = GATEWAY.check(request)
        assert refused is not None
        assert 401 == refused.status


def test_settings_that_cannot_be_are_refused() -> None:
    """No token, an unknown region, no time."""
    for wrong in ({"tokens": ()}, {"region": "XX"}, {"answer_seconds": 0.0}):
        with pytest.raises(InvalidInput):
            HttpGatewaySettings(**({"tokens": (TOKEN,)} | wrong))


def test_a_refusal_is_a_last_message_or_an_error() -> None:
    """Status 400 when nobody can be told: its sender has to mend the request."""
    readable = GATEWAY.refuse(request_of(REQUEST), "Try later.")
    unreadable = GATEWAY.refuse(request_of("["), "The body is not a JSON object.")

    assert ("terminal", "Try later.") == (
        json.loads(readable.body)["type"],
        json.loads(readable.body)["message"],
    )
    assert (400, {"error": "The body is not a JSON object."}) == (
        unreadable.status,
        json.loads(unreadable.body),
    )


@given(
    st.sampled_from(bodies("http")).flatmap(broken),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
)
def test_damaged_requests_are_read_or_refused(body: bytes, media_type: str) -> None:
    """Nothing else is raised, whatever the bytes; and all of them are answered."""
    request = request_of(body, media_type=media_type)
    try:
        answer = GATEWAY.answer(only(GATEWAY.read(request)), "Hi", is_last=True)
    except InvalidInput:
        answer = GATEWAY.refuse(request, "No.")

    assert isinstance(json.loads(answer.body), dict)
