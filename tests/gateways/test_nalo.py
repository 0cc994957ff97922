"""Nalo's USSD (sessiond/gateways/nalo.py)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.core.rendering.paging import Navigation, check_room, first_page
from sessiond.core.rendering.screens import Screen
from sessiond.gateways.nalo import Nalo, NaloSettings
from tests.gateways.recorded import bodies, broken, differences, exchanges, only, request_of

TOKEN = "0123456789abcdef"
FORM = "application/x-www-form-urlencoded"
NALO = Nalo(NaloSettings(tokens=(TOKEN,), service_code="*920*44#"))
EXCHANGES = exchanges("nalo")
REQUEST = {
    "USERID": "NALOACC1",
    "MSISDN": "233241112223",
    "USERDATA": "1",
    "MSGTYPE": False,
    "SESSIONID": "77",
    "NETWORK": "MTN",
}


def said(**changed: object) -> Heard:
    return only(NALO.read(request_of(REQUEST | changed)))


def refusal(body: object, **request: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        NALO.read(request_of(body, **request))
    return str(caught.value)


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(name: str) -> None:
    """What Nalo sends is read, and answered in its form."""
    exchange = EXCHANGES[name]
    arrived = NALO.read(exchange.request)

    assert differences(arrived, exchange.arrivals) == []
    heard = arrived[0]
    assert isinstance(heard, Heard)
    for answer in exchange.answers:
        written = NALO.answer(heard, answer["text"], is_last=answer["is_last"])
        assert (200, answer["media_type"]) == (written.status, written.media_type)
        assert answer["body"] == json.loads(written.body)


def test_it_is_an_answering_gateway() -> None:
    """Named as in FlowChat's session ids; pages of 120 characters, as documented, with room for their options."""
    pages = NALO.limits.pages

    assert isinstance(NALO, AnsweringGateway)
    assert ("nalo", "ussd", 120) == (NALO.name, NALO.platform, NALO.limits.characters)
    assert pages is not None
    check_room(pages, Navigation())
    assert 120 == len(first_page(Screen("x" * 300), pages).text)


def test_fault_3_callers_do_not_share_a_session() -> None:
    """USERID is the integrator's, the same for everybody: two callers have two sessions, with and without SESSIONID."""
    one = said(MSISDN="233241112223", SESSIONID="a").facts
    other = said(MSISDN="233241112224", SESSIONID="b").facts
    old = said(MSISDN="233241112224", SESSIONID=None).facts

    assert ("a", "b", "+233241112224") == (one.request_id, other.request_id, old.request_id)


def test_fault_15_the_fields_are_those_of_nalo() -> None:
    """FlowChat's documentation named ``msisdn``, ``input`` and ``session_id``, which Nalo never sends."""
    assert "MSISDN is missing" == refusal(
        {"msisdn": "233241112223", "input": "1", "session_id": "s"}
    )


@pytest.mark.parametrize(
    "written",
    [
        "233241112223",
        "+233241112223",
        "00233241112223",
        "0241112223",
        "241112223",
        "+233 24 111 2223",
        "+233-24-111-2223",
        "(+233) 24 111 2223",
        "024 111 2223",
        pytest.param(233241112223, id="a number"),
    ],
)
def test_ten_spellings_of_a_number_are_one_person(written: object) -> None:
    """Of the account's region, or with the country; also as a number of JSON."""
    assert "+233241112223" == said(MSISDN=written).facts.msisdn


@pytest.mark.parametrize(
    "written", ["", "12", "hello", "0" * 30, "+", "٠", "1" * 41, True, 2.5, -1]
)
def test_impossible_numbers_are_refused(written: object) -> None:
    """Nothing of them is repeated."""
    message = refusal(REQUEST | {"MSISDN": written})

    assert str(written) not in message or written == ""


@pytest.mark.parametrize("value", [True, "true", "1", "TRUE", 1], ids=repr)
def test_a_dial_is_known_by_its_flag(value: object) -> None:
    """Whatever a form makes of the truth value."""
    assert said(MSGTYPE=value, USERDATA="").begins


@pytest.mark.parametrize("value", [False, "false", "0", 0, None, ""], ids=repr)
def test_anything_else_goes_on(value: object) -> None:
    """A flag that is absent goes on too: the session id says what it belongs to."""
    assert not said(MSGTYPE=value).begins


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"MSISDN": None}, "MSISDN is missing"),
        ({"MSISDN": ["233"]}, "MSISDN is not a text"),
        ({"MSGTYPE": "perhaps"}, "MSGTYPE is neither true nor false"),
        ({"MSGTYPE": 3}, "MSGTYPE is neither true nor false"),
        ({"MSGTYPE": {}}, "MSGTYPE is neither true nor false"),
        ({"MSGTYPE": None, "SESSIONID": None}, "SESSIONID and MSGTYPE are missing"),
        ({"USERDATA": {"a": 1}}, "USERDATA is not a text"),
        ({"USERDATA": False}, "USERDATA is not a text"),
        ({"USERDATA": "x" * 5000}, "USERDATA has more than 4096 characters"),
        ({"SESSIONID": "a\nb"}, "SESSIONID is not made of visible ASCII characters"),
        ({"SESSIONID": "s" * 129}, "SESSIONID has more than 128 characters"),
    ],
)
def test_missing_fields_wrong_types_and_null(changed: dict[str, object], message: str) -> None:
    """The field is named, its value is not repeated."""
    assert message == refusal(REQUEST | changed)


@pytest.mark.parametrize("typed", ["0", "#", "", "*", " 1 ", "😀", "2*3"])
def test_0_and_hash_are_answers(typed: str) -> None:
    """What was typed is handed on as it is: nothing is a command to the gateway."""
    assert typed == said(USERDATA=typed).answer.text


def test_a_number_typed_on_a_second_screen_is_handed_on() -> None:
    """Fault 11: no table of an earlier screen replaces it."""
    NALO.answer(said(), "Choose:\n\n1. Ten\n2. Twenty", is_last=False)

    assert "2" == said(USERDATA="2").answer.text


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("USERID=N&MSISDN=233241112223", "application/json"),
        (json.dumps(REQUEST), FORM),
        ("[]", "application/json"),
        ("null", "application/json"),
        ("", "application/json"),
        ("", FORM),
        ("{" * 20_000, "application/json"),
        ("MSISDN=233241112223&MSISDN=233241112224&SESSIONID=1", FORM),
        ("MSISDN=%ff%fe&SESSIONID=1", FORM),
        (b"MSISDN=\xff", FORM),
        (b'{"MSISDN":"\xff"}', "application/json"),
        ("&".join(f"f{n}=1" for n in range(100)), FORM),
        (json.dumps(REQUEST), "text/plain"),
    ],
)
def test_what_is_not_a_request_of_nalo(body: object, media_type: str) -> None:
    """A form where JSON is due and the reverse, no object, a field twice, bytes that are no text, another type."""
    assert refusal(body, media_type=media_type)


def test_unknown_account() -> None:
    """A request for another USERID is refused, when the account's is set."""
    nalo = Nalo(NaloSettings(tokens=(TOKEN,), user_id="NALOACC1"))

    assert "1" == only(nalo.read(request_of(REQUEST))).answer.text
    with pytest.raises(InvalidInput, match="another account"):
        nalo.read(request_of(REQUEST | {"USERID": "OTHER"}))


def test_a_refusal_is_a_last_screen() -> None:
    """It fits on a page and repeats the account, also when the request could not be read."""
    readable = json.loads(NALO.refuse(request_of(REQUEST), "Try later. " * 30).body)
    unreadable = json.loads(NALO.refuse(request_of("{"), "Try later.").body)

    assert ("NALOACC1", False, 120) == (
        readable["USERID"],
        readable["MSGTYPE"],
        len(readable["MSG"].removesuffix("...")) + 3,
    )
    assert {"USERID": "", "MSG": "Try later.", "MSGTYPE": False} == unreadable


def test_the_token_is_checked() -> None:
    """In the query of the address, before anything is read."""
    assert NALO.check(request_of(REQUEST, query=f"token={TOKEN}")) is None
    for query in ("", "token=", "token=0123456789abcdeX", f"token={TOKEN}&token={TOKEN}"):
        refused = NALO.check(request_of("no JSON", query=query))
        assert refused is not None
        assert 401 == refused.status


def test_settings_without_a_token_are_refused() -> None:
    """Empty ones too; and no setting shows its tokens."""
    for tokens in ((), ("",), ("short",), (TOKEN, "")):
        with pytest.raises(InvalidInput):
            NaloSettings(tokens=tokens)
    assert TOKEN not in repr(NaloSettings(tokens=(TOKEN,)))


@given(st.sampled_from(bodies("nalo")).flatmap(broken), st.sampled_from(["application/json", FORM]))
def test_damaged_requests_are_read_or_refused(body: bytes, media_type: str) -> None:
    """Nothing else is raised, whatever the bytes; and all of them are answered."""
    request = request_of(body, media_type=media_type)
    try:
        heard = NALO.read(request)[0]
    except InvalidInput:
        heard = None
    answer = (
        NALO.refuse(request, "No.")
        if not isinstance(heard, Heard)
        else NALO.answer(heard, "Hi", is_last=False)
    )

    assert isinstance(json.loads(answer.body), dict)
