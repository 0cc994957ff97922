"""The door of accounts (sessiond/edges/http/gateways.py): who may call, what is refused, what is accepted."""

import json
from collections.abc import Sequence
from typing import Any, Never

import msgspec
import pytest
from attrs import evolve

from sessiond import telemetry
from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.described import Operation, Reply
from sessiond.core.errors import InvalidInput, StoreUnavailable
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice, StatusUpdate
from sessiond.core.gateways.described import Operations
from sessiond.core.gateways.identities import Identities
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.ids import UserId
from sessiond.edges.http.gateways import GatewayDoor
from sessiond.edges.http.router import Route, Router
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.runtime.clock import SystemClock
from tests.edges.http.gateway_doors import (
    KEYS,
    NUMBER,
    TOKEN,
    account,
    ask,
    message,
    nalo,
    open_stand,
    post,
    program,
    signed,
    webhook,
    whatsapp,
)

AMA, KOFI = Callers(KEYS).find(NUMBER).user, Callers(KEYS).find("+233201111111").user


POSTED: Operations = {"POST": Operation(summary="Dial", replies={200: Reply(says="A screen.")})}


class Spy(WhatsApp):
    """A gateway that keeps what it was asked."""

    __slots__ = ("requests",)

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        self.requests = [request]
        return ProviderAnswer(status=204)


def spied(settings: dict[str, Any]) -> tuple[Spy, Any]:
    given: dict[str, Any] = {"phone_number_id": "1", "access_token": "t", "verify_token": "v"}
    spy = Spy(WhatsAppSettings(**given, app_secrets=("s",)))
    return spy, account(spy, **settings)


# ------------------------------------------------------------------------------- calling gateways


async def test_what_arrives_is_durable_told_and_acknowledged() -> None:
    """As an inbox entry of its account, naming our user."""
    async with open_stand(account(whatsapp())) as stand:
        answer = await stand.send(webhook(message(1, "hello")))
        (entry,) = await stand.entries()
        (heard,) = await stand.arrived()

        assert (200, b"") == (answer.status, answer.body)
        assert (AMA, "gateway:line") == (entry.user, entry.kind)
        assert [entry] == stand.mailbox(AMA)
        assert isinstance(heard, Heard)
        assert ("hello", "wamid.1", AMA) == (heard.answer.text, heard.id, heard.facts.user_id)
        assert (NUMBER, "whatsapp", "chat.example.com") == (
            heard.facts.msisdn,
            heard.facts.platform,
            heard.facts.host,
        )
        assert [
            ("gateway.accepted", {"user": AMA, "account": "line", "type": "heard"})
        ] == stand.events("gateway.accepted")


async def test_a_repeat_has_no_effect() -> None:
    """It is acknowledged like the first, and told to operators."""
    async with open_stand(account(whatsapp())) as stand:
        statuses = [(await stand.send(webhook(message(1)))).status for _ in range(3)]

        assert [200, 200, 200] == statuses
        assert 1 == len(stand.mailbox(AMA))
        assert 2 == len(stand.events("gateway.duplicate"))


async def test_a_batch_is_split_by_person_in_order() -> None:
    """Each reads his own messages in the order of time, statuses among them."""
    status = {
        "id": "wamid.9",
        "status": "delivered",
        "timestamp": "1700000003",
        "recipient_id": "233244123456",
    }
    messages = [
        message(4, "four"),
        message(1, "one"),
        message(2, "two", sender="233201111111"),
        message(1, "one again"),
        message(2, "two"),
    ]
    async with open_stand(account(whatsapp())) as stand:
        await stand.send(webhook(*messages, statuses=[status]))
        arrived = [msgspec.json.decode(entry.body) for entry in stand.mailbox(AMA)]
        others = stand.mailbox(KOFI)

    told = [one["answer"]["text"] if one["type"] == "heard" else one["state"] for one in arrived]
    assert ["one", "two", "delivered", "four"] == told
    assert 1 == len(others)


async def test_the_same_id_of_two_people_is_two_messages() -> None:
    """Ids count within a person's inbox."""
    async with open_stand(account(whatsapp())) as stand:
        await stand.send(webhook(message(1), message(1, sender="233201111111")))

        assert (1, 1) == (len(stand.mailbox(AMA)), len(stand.mailbox(KOFI)))


async def test_each_state_of_a_message_is_told_once() -> None:
    """To the user it was sent to."""
    states = [
        {"id": "wamid.9", "status": state, "timestamp": "1", "recipient_id": "233244123456"}
        for state in ("sent", "delivered", "sent", "read")
    ]
    async with open_stand(account(whatsapp())) as stand:
        await stand.send(webhook(statuses=states))
        arrived = await stand.arrived()

    assert ["sent", "delivered", "read"] == [
        one.state for one in arrived if isinstance(one, StatusUpdate)
    ]
    assert 3 == len(arrived)


async def test_unknown_kinds_are_recorded_and_never_run() -> None:
    """Whose sender is known: for him; a field about nobody is told by its name, and dropped."""
    odd = {**message(1), "type": "hologram", "hologram": {}}
    async with open_stand(account(whatsapp())) as stand:
        first = await stand.send(webhook(odd))
        (notice,) = await stand.arrived()
        second = await stand.send(webhook(field_name="account_update"))

        assert (200, 200) == (first.status, second.status)
        assert isinstance(notice, Notice)
        assert ("hologram", NUMBER) == (notice.kind, notice.about)
        assert 1 == len(await stand.entries())
        assert [("gateway.noted", {"account": "line", "kind": "account_update"})] == stand.events(
            "gateway.noted"
        )


async def test_one_bad_message_does_not_hold_up_the_others() -> None:
    """The provider would send all of them again for days."""
    bad = [
        {**message(1), "from": "12"},
        {**message(2), "timestamp": None},
        {**message(3), "text": 7},
        {"type": "text"},
        None,
        7,
    ]
    async with open_stand(account(whatsapp())) as stand:
        answer = await stand.send(webhook(*bad, message(4)))  # type: ignore[arg-type]
        heard = [one for one in await stand.arrived() if isinstance(one, Heard)]

    assert 200 == answer.status
    assert ["wamid.4"] == [one.id for one in heard]


@pytest.mark.parametrize(
    ("timestamp", "settings", "is_run"),
    [
        ("1", {}, True),
        ("99999999999", {}, True),
        ("1", {"max_age_seconds": 60.0}, False),
        ("99999999999", {"max_ahead_seconds": 60.0}, False),
        ("1000", {"max_age_seconds": 60.0, "max_ahead_seconds": 60.0}, True),
    ],
)
async def test_ancient_and_future_messages(
    timestamp: str, settings: dict[str, Any], is_run: bool
) -> None:
    """Run, unless the account says how old they may be: then they are recorded."""
    async with open_stand(account(whatsapp(**settings))) as stand:
        answer = await stand.send(webhook({**message(1), "timestamp": timestamp}))
        (one,) = await stand.arrived()

    assert 200 == answer.status
    assert is_run == isinstance(one, Heard)


async def test_another_numbers_webhook_is_refused() -> None:
    """Another tenant's words are neither run nor kept."""
    async with open_stand(account(whatsapp())) as stand:
        answer = await stand.send(webhook(message(1), number="2"))

        assert 403 == answer.status
        assert [] == await stand.entries()
        assert [
            ("gateway.refused", {"account": "line", "code": "forbidden", "check": "account"})
        ] == stand.events("gateway.refused")


async def test_a_store_that_is_away_is_told_to_the_provider() -> None:
    """503 and when to come back: it sends all of it again."""
    async with open_stand(account(whatsapp())) as stand:
        stand.availability.away("lane", StoreUnavailable("away"))
        answer = await stand.send(webhook(message(1)))

    assert 503 == answer.status
    assert "5" == dict(answer.headers)["retry-after"]
    assert [
        ("gateway.refused", {"account": "line", "code": "unavailable", "check": "none"})
    ] == stand.events("gateway.refused")


# --------------------------------------------------------------------------------- who may call


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        "0" * 64,
        "sha256=" + "0" * 63,
        "sha256=" + "g" * 64,
    ],
)
async def test_a_wrong_signature_is_refused_before_anything_is_read(signature: str) -> None:
    """401, whatever the body is; operators are told the account, and nothing of what was sent."""
    async with open_stand(account(whatsapp())) as stand:
        for request in (webhook(message(1), signature=signature), signed(b"{", signature)):
            answer = await stand.send(request)
            assert (401, b"") == (answer.status, answer.body)
        assert [] == await stand.entries()

    check = "signature_wrong" if signature else "signature_missing"
    assert [
        ("auth.refused", {"door": "gateway", "reason": f"line: {check}"}),
        ("gateway.refused", {"account": "line", "code": "401", "check": check}),
    ] == stand.events("auth.refused", "gateway.refused")[:2]


async def test_without_a_signature_nothing_is_taken() -> None:
    """Neither when it is there twice: which of them counts?"""
    request = webhook(message(1))
    unsigned = evolve(request, headers=request.headers[:-1])
    twice = evolve(request, headers=(*request.headers, request.headers[-1]))
    async with open_stand(account(whatsapp())) as stand:
        assert [401, 401] == [(await stand.send(one)).status for one in (unsigned, twice)]
        assert 200 == (await stand.send(request)).status


async def test_a_body_changed_by_one_byte_is_refused() -> None:
    """Anywhere in it, also where no JSON would notice."""
    request = webhook(message(1))
    size = len(request.body)
    async with open_stand(account(whatsapp())) as stand:
        for place in range(0, size, 7):
            changed = bytearray(request.body)
            changed[place] ^= 1
            answer = await stand.send(evolve(request, body=bytes(changed)))
            assert 401 == answer.status
        assert 401 == (await stand.send(evolve(request, body=request.body + b" "))).status
        assert [] == await stand.entries()


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("hub.mode=subscribe&hub.verify_token=v&hub.challenge=77", 200, b"77"),
        ("hub.mode=subscribe&hub.verify_token=w&hub.challenge=77", 403, b""),
        ("hub.mode=subscribe&hub.verify_token=&hub.challenge=77", 403, b""),
        ("hub.mode=subscribe&hub.challenge=77", 403, b""),
        ("hub.mode=subscribe&hub.verify_token=v&hub.verify_token=v&hub.challenge=7", 403, b""),
        ("hub.mode=unsubscribe&hub.verify_token=v&hub.challenge=77", 403, b""),
        ("hub.mode=subscribe&hub.verify_token=v", 400, b""),
        ("", 403, b""),
    ],
)
async def test_the_verification_of_the_address(query: str, status: int, body: bytes) -> None:
    """Answered with the challenge, and only when the token is ours."""
    request = evolve(post("/gateways/line", b"", query=query), method="GET")
    async with open_stand(account(whatsapp())) as stand:
        answer = await stand.send(request)

    assert (status, body) == (answer.status, answer.body)
    assert (status == 403) == bool(stand.events("auth.refused"))


def test_an_account_has_its_secrets() -> None:
    """An empty token configured is refused before any door is there."""
    for settings in ({"verify_token": ""}, {"app_secrets": ()}, {"app_secrets": ("",)}):
        given: dict[str, Any] = {
            "phone_number_id": "1",
            "access_token": "t",
            "verify_token": "v",
            "app_secrets": ("s",),
        }
        with pytest.raises(InvalidInput):
            WhatsAppSettings(**given | settings)


@pytest.mark.parametrize("query", ["", "token=", "token=x", f"token={TOKEN}x", f"Token={TOKEN}"])
async def test_a_dial_without_the_token_is_refused(query: str) -> None:
    """Whoever finds the path speaks for nobody."""
    async with open_stand() as stand:
        request = post("/gateways/line", b"{", query=query)
        answer = await stand.send(request)

        assert (401, b"unknown token") == (answer.status, answer.body)
        assert [] == stand.asked
        assert 1 == len(stand.events("auth.refused"))


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("203.0.113.7", 200),
        ("198.51.100.1", 200),
        ("198.51.100.2", 403),
        ("::ffff:203.0.113.9", 200),
        ("", 403),
        ("2001:db8::1", 403),
    ],
)
async def test_only_the_providers_addresses_are_let_in(peer: str, status: int) -> None:
    """Looked at before anything else; the answer tells nothing of the account."""
    networks = ("203.0.113.0/24", "198.51.100.1")
    async with open_stand(account(nalo(), networks=networks)) as stand:
        body = {"USERID": "u", "MSISDN": NUMBER, "USERDATA": "1", "SESSIONID": "s"}
        request = evolve(post("/gateways/line", json.dumps(body).encode()), peer=peer)
        assert status == (await stand.send(request)).status
        refused = await stand.send(evolve(request, peer="10.0.0.1", query=""))

    assert 403 == refused.status
    assert b"requests are not taken from this address" in refused.body


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"\xff\xfe",
        b"[" * 5000,
        b"{}",
        b'{"object":"page","entry":[]}',
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":null}',
        b'{"object":"whatsapp_business_account","entry":{}}',
        b'{"object":null,"entry":[]}',
        b'{"object":"\\ud800","entry":[]}',
    ],
)
async def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    """400 with what is wrong, and nothing of what was sent."""
    async with open_stand(account(whatsapp())) as stand:
        answer = await stand.send(signed(body))

        assert 400 == answer.status
        assert "bad_request" == json.loads(answer.body)["code"]
        assert [] == await stand.entries()
        assert 1 == len(stand.events("gateway.refused"))


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_a_webhook_of_another_content_type_is_refused(content_type: str, status: int) -> None:
    """A form where JSON is due, and nothing at all."""
    request = webhook(message(1))
    headers = tuple((n, content_type if n == "content-type" else v) for n, v in request.headers)
    async with open_stand(account(whatsapp())) as stand:
        assert status == (await stand.send(evolve(request, headers=headers))).status


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"USERID=u&MSISDN=233244123456&SESSIONID=s", 200),
        ("text/plain", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("", b"{}", 415),
    ],
)
async def test_a_dial_of_another_content_type(content_type: str, body: bytes, status: int) -> None:
    """Nalo sends JSON or a form; what is neither is refused."""
    async with open_stand() as stand:
        request = post("/gateways/line", body, ("content-type", content_type))
        assert status == (await stand.send(request)).status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"USERID=u&MSISDN=233244123456&SESSIONID=s"),
        ("application/x-www-form-urlencoded", b'{"USERID":"u","MSISDN":"233244123456"}'),
        ("application/json", b"null"),
        ("application/json", b"[]"),
        ("application/json", b'{"MSISDN":"233244123456"}'),
        ("application/json", b'{"MSISDN":null,"SESSIONID":"s"}'),
        ("application/json", b'{"MSISDN":"233244123456","SESSIONID":[]}'),
        ("application/json", b'{"MSISDN":"233244123456","SESSIONID":"s","USERDATA":{}}'),
        ("application/json", b'{"MSISDN":"233244123456","SESSIONID":"s","MSGTYPE":"maybe"}'),
        ("application/x-www-form-urlencoded", b"MSISDN=233244123456&MSISDN=233201111111"),
        ("application/x-www-form-urlencoded", b"MSISDN=%ff"),
    ],
)
async def test_a_dial_that_cannot_be_read_has_an_answer(content_type: str, body: bytes) -> None:
    """In the provider's form: whoever holds the phone reads that it does not work now."""
    async with open_stand(account(nalo(), failed_text="Broken.")) as stand:
        request = post("/gateways/line", body, ("content-type", content_type))
        answer = await stand.send(request)

        assert 200 == answer.status
        assert ("Broken.", False) == tuple(
            json.loads(answer.body)[name] for name in ("MSG", "MSGTYPE")
        )
        assert [] == stand.asked
        assert [
            ("gateway.refused", {"account": "line", "code": "bad_request", "check": "form"})
        ] == stand.events("gateway.refused")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"{", "the body is not a JSON object"),
        (b"{}", "session_id is missing"),
        (b'{"session_id":"s"}', "user_id is missing"),
        (b'{"session_id":"s","user_id":"u","input":7.5}', "input is not a text"),
        (b'{"session_id":"s","user_id":"u","msisdn":"12"}', "too few or too many digits"),
        (b'{"session_id":"s","user_id":"u","message_id":"\\u0000"}', "visible ASCII"),
    ],
)
async def test_a_program_reads_what_is_wrong(body: bytes, wrong: str) -> None:
    """400: its author can mend it."""
    async with open_stand(account(program())) as stand:
        answer = await stand.send(ask(body))

        assert 400 == answer.status
        assert wrong in json.loads(answer.body)["error"]
        assert [] == stand.asked


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_method_that_the_gateway_does_not_take(method: str) -> None:
    """It says so, to those it knows."""
    async with open_stand() as stand:
        answer = await stand.send(evolve(post("/gateways/line", b""), method=method))

    assert 405 == answer.status


async def test_methods_that_no_provider_uses() -> None:
    """405 with those there are."""
    async with open_stand() as stand:
        answer = await stand.send(evolve(post("/gateways/line", b""), method="PUT"))

    assert 405 == answer.status
    assert "GET, HEAD, POST" == dict(answer.headers)["allow"]


async def test_an_unknown_account_is_nothing() -> None:
    """The path of one says nothing about others."""
    async with open_stand() as stand:
        for path in ("/gateways/other", "/gateways", "/gateways/line/", "/gateways/LINE"):
            assert 404 == (await stand.send(post(path, b"{}"))).status


async def test_large_bodies_of_those_we_know_are_refused_by_size() -> None:
    """What the gateway can never have been sent."""
    async with open_stand(account(whatsapp())) as stand:
        assert 413 == (await stand.send(signed(b" " * (4 * 1024 * 1024 + 1)))).status
    async with open_stand() as stand:
        assert 413 == (await stand.send(post("/gateways/line", b" " * (64 * 1024 + 1)))).status


# --------------------------------------------------------------------------------- the addresses


async def test_each_account_has_its_path() -> None:
    """Several accounts are served side by side; a secret path is told to nobody."""
    hidden = "/in/7f3a9c"
    accounts = [account(nalo(), "one"), account(nalo(), "two", path=hidden)]
    body = json.dumps({"USERID": "u", "MSISDN": NUMBER, "USERDATA": "1", "SESSIONID": "s"}).encode()
    async with open_stand(*accounts) as stand:
        assert 200 == (await stand.send(post("/gateways/one", body))).status
        assert 200 == (await stand.send(post(hidden, body))).status
        assert 404 == (await stand.send(post("/gateways/two", body))).status

    assert ["one", "two"] == [item.account for _, item, _ in stand.asked]
    routes = [about["route"] for _, about in stand.events("http.answered")]
    assert ["gateway:one", "gateway:two", "unmatched"] == routes
    assert "7f3a9c" not in repr(stand.told)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://chat.example.com/gateways/line?a=b%20c"),
        (
            {"public_url": "https://bots.example.org"},
            "https://bots.example.org/gateways/line?a=b%20c",
        ),
    ],
)
async def test_the_gateway_sees_the_address_that_was_called(
    settings: dict[str, Any], url: str
) -> None:
    """Some signatures cover it: as the proxy was called, where there is one."""
    spy, one = spied(settings)
    async with open_stand(one) as stand:
        answer = await stand.send(post("/gateways/line", b"{}", ("x-a", "1"), query="a=b%20c"))

    (asked,) = spy.requests
    assert 204 == answer.status
    assert (url, "/gateways/line", "a=b%20c", "1") == (
        asked.url,
        asked.path,
        asked.query,
        asked.headers["x-a"],
    )
    assert 1000.0 == asked.received_at


async def test_without_accounts_there_is_no_door() -> None:
    """And no secret is needed."""
    async with open_stand() as stand:
        door = GatewayDoor(
            {},
            keys=SessionKeySettings(),
            intake=NoIntake(),
            directory=stand,
            clock=SystemClock(),
            entropy=Fixed(),
        )
        assert () == door.routes()


def described(one: Account, **operations: Operations) -> dict[str, Route]:
    """The routes of an account, by method."""
    door = GatewayDoor(
        {one.name: one},
        keys=KEYS,
        intake=NoIntake(),
        directory=NoDirectory(),
        clock=SystemClock(),
        entropy=Fixed(),
        operations=operations,
    )
    return {route.method: route for route in door.routes()}


async def test_an_account_takes_the_methods_that_are_described() -> None:
    """Others are refused with those it takes; one that is not described is asked about POST and GET."""
    routes = described(account(nalo()), line=POSTED)
    told: list[object] = []
    detach = telemetry.attach(lambda *event: told.append(event[2]), ["gateway.refused"])
    answer = await Router(routes.values(), SystemClock())(
        evolve(post("/gateways/line", b""), method="GET")
    )
    detach()

    assert ["POST"] == list(routes)
    assert (405, "POST") == (answer.status, dict(answer.headers)["allow"])
    assert [{"account": "line", "code": "405", "check": "method"}] == told
    assert {"POST": None, "GET": None} == {
        method: route.describes for method, route in described(account(nalo())).items()
    }


def test_what_the_door_itself_answers_is_described() -> None:
    """Of a calling gateway all that may become of its request; of another who may not call at all."""
    statuses = []
    for one in (account(whatsapp()), account(nalo()), account(nalo(), networks=("10.0.0.0/8",))):
        operation = described(one, line=POSTED)["POST"].describes
        assert operation is not None
        assert POSTED["POST"].replies == operation.replies
        statuses.append(set(operation.in_front))

    assert [{400, 403, 503}, set(), {403}] == statuses


async def test_the_head_of_a_verification() -> None:
    """HEAD is answered wherever GET is."""
    query = "hub.mode=subscribe&hub.verify_token=v&hub.challenge=1158201444"
    async with open_stand(account(whatsapp())) as stand:
        asked = evolve(post("/gateways/line", b""), query=query)
        got, head = [await stand.send(evolve(asked, method=one)) for one in ("GET", "HEAD")]

    assert (200, b"1158201444") == (got.status, got.body)
    assert got == head


def test_accounts_need_the_secret_of_persons() -> None:
    """Without it a number could be read from its user."""
    with pytest.raises(InvalidInput, match="need a secret"):
        Identities(SessionKeySettings())


class NoDirectory:
    def locate(self, user: UserId) -> Never:
        raise AssertionError("nobody is asked")


class NoIntake:
    async def accept_all(self, arrivals: Sequence[Any]) -> tuple[Any, ...]:
        raise AssertionError(arrivals)


class Fixed:
    def token(self, size: int) -> bytes:
        return bytes(size)

    def jitter(self) -> float:
        return 0.0


class Odd(WhatsApp):
    """A plug-in with a bug."""

    __slots__ = ()

    def check(self, request: ProviderRequest) -> None:
        return None

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        raise ZeroDivisionError


async def test_a_bug_of_a_gateway_costs_one_request() -> None:
    """500 without details; operators are told."""
    given: dict[str, Any] = {"phone_number_id": "1", "access_token": "t", "verify_token": "v"}
    odd = Odd(WhatsAppSettings(**given, app_secrets=("s",)))
    async with open_stand(account(odd)) as stand:
        answer = await stand.send(webhook(message(1)))

    assert 500 == answer.status
    assert [("door.failed", {"door": "http", "error": "ZeroDivisionError"})] == stand.events(
        "door.failed"
    )


async def test_a_webhook_that_comes_again_after_days_is_known() -> None:
    """Meta sends again for a week."""
    async with open_stand(account(whatsapp())) as stand:
        await stand.send(webhook(message(1)))
        stand.clock.at += 6 * 86_400
        await stand.send(webhook(message(1)))
        assert 1 == len(await stand.entries())
