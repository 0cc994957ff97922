"""The chat door (sessiond/edges/http/chat.py), before a stand-in for the runtime."""

import json
from typing import Any

import attrs
import pytest
import trio
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    InvalidInput,
    MailboxFull,
    Refused,
    SnapshotCorrupt,
    StoreUnavailable,
    TurnFailed,
)
from sessiond.core.ids import UserId, input_digest
from sessiond.core.session.inputs import Input
from sessiond.edges.http.chat import ChatDoor, ChatSettings, check_token
from sessiond.edges.http.router import Router
from sessiond.net.messages import Headers, Request, Response
from sessiond.runtime.entropy import SeededEntropy

TOKEN, OTHER = "0123456789abcdef-one", "0123456789abcdef-two"
NUMBER = "+233244123456"
KEYS = SessionKeySettings(secret="a secret of this test", phone_region="GH")
SETTINGS = ChatSettings(tokens=(TOKEN, OTHER))
REQUIRED = "Invalid input. 'user_phone' and 'user_message' are required."
QUESTION = json.dumps(
    {
        "conversation": "k",
        "flow": "f",
        "messages": [{"text": "Welcome!"}],
        "prompt": {
            "kind": "choice",
            "key": "size",
            "screen": "1",
            "text": "What size?",
            "choices": [
                {"key": "s", "label": "Small", "number": 1},
                {"key": "l", "label": "Large", "number": 2},
            ],
        },
    }
).encode()
ASKED = "Welcome!\n\nWhat size?\n\n1. Small\n2. Large"


@define
class Clock:
    """A clock that the test moves."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@define
class Directory:
    """The address of everybody: answers with *answers*, one after the other, or raises *error*."""

    answers: list[bytes] = field(factory=lambda: [QUESTION])
    asked: list[tuple[UserId, Said, float]] = field(factory=list)
    error: Exception | None = None
    user: UserId | None = None

    def locate(self, user: UserId) -> "Directory":
        self.user = user
        return self

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        await trio.lowlevel.checkpoint()
        assert isinstance(item, Said)
        assert self.user is not None
        self.asked.append((self.user, item, timeout))
        if self.error is not None:
            raise self.error
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class Door:
    """The door and what is behind it."""

    def __init__(
        self,
        settings: ChatSettings = SETTINGS,
        *answers: bytes,
        keys: SessionKeySettings = KEYS,
    ) -> None:
        self.clock, self.directory = Clock(), Directory(list(answers) or [QUESTION])
        door = ChatDoor(
            settings,
            keys=keys,
            directory=self.directory,
            clock=self.clock,
            entropy=SeededEntropy(1),
        )
        self._router = Router(door.routes(), self.clock)

    async def post(self, request: Request) -> Response:
        return await self._router(request)

    @property
    def said(self) -> list[Said]:
        return [said for _, said, _ in self.directory.asked]


def chat(phone: object = NUMBER, message: object = "hello", *more: tuple[str, str]) -> Request:
    return raw(json.dumps({"user_phone": phone, "user_message": message}).encode(), *more)


def raw(body: bytes, *more: tuple[str, str]) -> Request:
    headers: Headers = (
        ("host", "chat.example.com"),
        ("content-type", "application/json"),
        ("authorization", f"Bearer {TOKEN}"),
        *more,
    )
    return Request(method="POST", target="/chat", path="/chat", headers=headers, body=body)


def without(request: Request, name: str, *more: tuple[str, str]) -> Request:
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return evolve(request, headers=(*kept, *more))


async def refusal(request: Request, door: Door | None = None) -> tuple[int, str]:
    """Post *request*, which must be refused and reach nothing; return status and sentence."""
    door = door or Door()
    answer = await door.post(request)
    assert answer.status >= 400
    assert not door.directory.asked
    return answer.status, error_of(answer)


def error_of(answer: Response) -> str:
    """The sentence of an error, which is all there is in its body."""
    (name, sentence), *others = json.loads(answer.body).items()
    assert (name, others) == ("error", [])
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    return str(sentence)


# ------------------------------------------------------------------------------- what is answered


async def test_a_message_is_answered_with_what_is_shown() -> None:
    """Texts, the question and its numbered choices, and the number as it was sent."""
    door = Door()
    answer = await door.post(chat("024 412-3456"))

    assert 200 == answer.status
    assert {"user_phone": "024 412-3456", "bot_message": ASKED} == json.loads(answer.body)
    assert dict(answer.headers)["content-type"] == "application/json"


async def test_the_flow_gets_the_message_as_it_was_sent() -> None:
    """With the way it came, and the time that the door waits for functions."""
    door = Door(evolve(SETTINGS, wait_seconds=3.0))
    await door.post(chat("0244123456", " hey \u202bשלום 🌍\x07 "))

    ((user, said, timeout),) = door.directory.asked
    facts = said.facts
    assert " hey \u202bשלום 🌍\x07 " == said.answer.text
    assert ("http", "chat", NUMBER) == (facts.platform, facts.gateway, facts.msisdn)
    assert ("chat.example.com", "/chat", user) == (facts.host, facts.path, facts.user_id)
    assert facts.request_id
    assert 3.0 == said.waits_seconds
    assert timeout > 3.0
    assert said.digest is None
    assert not said.reminds


async def test_a_person_is_one_user_however_the_number_is_written() -> None:
    """A user whose id holds nothing of the number, and is none that a token of ours could have by chance."""
    door = Door()
    for written in (NUMBER, "233244123456", "00233244123456", "0244123456", "(024) 412 3456"):
        assert 200 == (await door.post(chat(written))).status
    users = {user for user, _, _ in door.directory.asked}

    assert {Callers(KEYS).find(NUMBER).user} == users
    assert all("244123456" not in user and user.startswith("tel:") for user in users)


async def test_nothing_to_show_is_an_empty_text() -> None:
    """The message was ignored: that is no error."""
    answer = await Door(SETTINGS, b"{}").post(chat())

    assert {"user_phone": NUMBER, "bot_message": ""} == json.loads(answer.body)


async def test_the_path_is_a_setting() -> None:
    """Where it is not, there is nothing."""
    door = Door(evolve(SETTINGS, path="/bot/v1"))
    moved = evolve(chat(), path="/bot/v1", target="/bot/v1")

    assert 200 == (await door.post(moved)).status
    assert 404 == (await door.post(chat())).status


async def test_other_methods_are_not_taken() -> None:
    """405 with the one that is, in the form of this door's errors."""
    answer = await Door().post(evolve(chat(), method="GET"))

    assert 405 == answer.status
    assert "POST" == dict(answer.headers)["allow"]
    assert "This path takes POST." == error_of(answer)


# ---------------------------------------------------------------------------------- who may send


async def test_every_token_counts() -> None:
    """The old and the new one, while it is being replaced; the scheme in any case."""
    for sent in (f"Bearer {TOKEN}", f"bearer {OTHER}"):
        request = without(chat(), "authorization", ("authorization", sent))
        assert 200 == (await Door().post(request)).status


@pytest.mark.parametrize(
    "sent",
    [None, "", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer ÿ"],
)
async def test_without_a_token_nothing_is_looked_at(sent: str | None) -> None:
    """401, whatever the body is; and it is told."""
    more = () if sent is None else (("authorization", sent),)
    told: list[object] = []
    detach = telemetry.attach(lambda name, _, about: told.append((name, about)))
    try:
        status, sentence = await refusal(without(raw(b"{"), "authorization", *more))
    finally:
        detach()

    assert (401, "A token is needed: 'Authorization: Bearer <token>'.") == (status, sentence)
    reason = "unknown token" if sent and " " in sent else "no token"
    assert ("auth.refused", {"door": "chat", "reason": reason}) in told


async def test_two_tokens_are_none() -> None:
    """Whose is it?"""
    request = chat(NUMBER, "hello", ("authorization", f"Bearer {OTHER}"))

    assert 401 == (await refusal(request))[0]


async def test_a_401_names_the_scheme() -> None:
    """As RFC 9110 wants it."""
    answer = await Door().post(without(chat(), "authorization"))

    assert "Bearer" == dict(answer.headers)["www-authenticate"]


async def test_without_tokens_there_is_no_door() -> None:
    """Nothing is at its path, and it needs no secret for numbers."""
    door = Door(ChatSettings(), keys=SessionKeySettings())

    assert 404 == (await door.post(chat())).status


async def test_an_open_door_asks_for_no_token() -> None:
    """On purpose, and only then."""
    door = Door(ChatSettings(open=True))

    assert 200 == (await door.post(without(chat(), "authorization"))).status


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"user_phone": NUMBER},
        {"user_message": "hello"},
        {"user_phone": "", "user_message": "hello"},
        {"user_phone": NUMBER, "user_message": ""},
        {"user_phone": None, "user_message": "hello"},
        {"user_phone": NUMBER, "user_message": None},
        {"user_phone": 0, "user_message": False},
        {"User_Phone": NUMBER, "user_message": "hello"},
    ],
)
async def test_both_fields_are_required(document: object) -> None:
    """ChatterKeep's own answer, to the letter."""
    answer = await Door().post(raw(json.dumps(document).encode()))

    assert 400 == answer.status
    assert {"error": REQUIRED} == json.loads(answer.body)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"hello"', b"7", b"[1]"])
async def test_the_body_is_an_object(body: bytes) -> None:
    """ChatterKeep crashed at these."""
    assert (400, "Invalid input. The request must be a JSON object.") == await refusal(raw(body))


@pytest.mark.parametrize("body", [b"", b"{", b"hello", b"\xff", b'{"user_phone":"\\ud800"}'])
async def test_the_body_is_json(body: bytes) -> None:
    """Nothing of it is repeated."""
    assert (400, "The body is not a JSON document.") == await refusal(raw(body))


async def test_json_that_is_nested_deeply_is_refused() -> None:
    """Without a crash."""
    assert 400 == (await refusal(raw(b"[" * 30_000)))[0]


@pytest.mark.parametrize(
    ("phone", "message"),
    [(233244123456, "hello"), (NUMBER, 7), ([NUMBER], "hello"), (NUMBER, {"text": "hello"})],
)
async def test_both_fields_are_texts(phone: object, message: object) -> None:
    """Numbers and structures are not guessed at."""
    expected = (400, "Invalid input. 'user_phone' and 'user_message' must be texts.")

    assert expected == await refusal(chat(phone, message))


@pytest.mark.parametrize(
    "phone",
    [
        "hello",
        "12",
        "+",
        "   ",
        "+233244123456789012",
        "+23324412345a",
        "<script>",
        "+233'; DROP TABLE users;--",
        "1" * 41,
        "9" * 60_000,
    ],
)
async def test_what_is_no_phone_number_is_refused(phone: str) -> None:
    """The sentence says which form is right, and does not repeat what was sent."""
    status, sentence = await refusal(chat(phone))

    assert 400 == status
    assert (
        "Invalid input. 'user_phone' must be a phone number in international form, like +12025550123."
        == sentence
    )


async def test_a_local_number_needs_a_region() -> None:
    """Without one it could be anybody's."""
    door = Door(SETTINGS, keys=attrs.evolve(KEYS, phone_region=None))
    status, sentence = await refusal(chat("0244123456"), door)

    assert (400, True) == (status, "international form" in sentence)


async def test_a_message_has_a_bound() -> None:
    """Counted in characters, as people do."""
    door = Door(evolve(SETTINGS, message_characters=5))
    fits = await door.post(chat(NUMBER, "🌍" * 5))
    status, sentence = await refusal(
        chat(NUMBER, "x" * 6), Door(evolve(SETTINGS, message_characters=5))
    )

    assert 200 == fits.status
    assert (400, "Invalid input. 'user_message' has more than 5 characters.") == (status, sentence)


async def test_a_megabyte_is_too_large() -> None:
    """413 before it is parsed."""
    status, sentence = await refusal(chat(NUMBER, "x" * 1_000_000))

    assert (413, "The request has more than 65536 bytes.") == (status, sentence)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"],
)
async def test_other_content_types_are_not_taken(kind: str) -> None:
    """A form of a foreign page cannot be JSON."""
    request = without(chat(), "content-type", *((("content-type", kind),) if kind else ()))

    assert 415 == (await refusal(request))[0]


async def test_unknown_fields_do_not_matter() -> None:
    """As with ChatterKeep."""
    body = json.dumps({"user_phone": NUMBER, "user_message": "hello", "lang": "en"}).encode()

    assert 200 == (await Door().post(raw(body))).status


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(body: bytes) -> None:
    """Whatever is sent: one of the door's own answers, never a crash."""
    answer = trio.run(Door().post, raw(body))

    assert answer.status in {200, 400}
    assert json.loads(answer.body)


# ---------------------------------------------------------------------------------------- repeats


async def test_an_idempotency_key_names_the_message() -> None:
    """In a scope of its own."""
    door = Door()
    await door.post(chat(NUMBER, "hello", ("idempotency-key", "order-1")))

    assert [input_digest("chat", "order-1")] == [said.digest for said in door.said]


async def test_a_repeat_whose_answer_was_not_kept_is_reminded() -> None:
    """It is not said again; what the conversation waits for is the answer."""
    door = Door(SETTINGS, b'{"duplicate":true}', QUESTION)
    answer = await door.post(chat(NUMBER, "hello", ("idempotency-key", "order-1")))
    first, second = door.said

    assert ASKED == json.loads(answer.body)["bot_message"]
    assert (False, "hello") == (first.reminds, first.answer.text)
    assert (True, "", None) == (second.reminds, second.answer.text, second.digest)
    assert first.waits_seconds == second.waits_seconds


@pytest.mark.parametrize("keys", [("",), ("x" * 129,), ("a\tb",), ("schlüssel",), ("a", "b")])
async def test_an_unusable_idempotency_key_is_refused(keys: tuple[str, ...]) -> None:
    """Or a repeat would be said again."""
    request = chat(NUMBER, "hello", *(("idempotency-key", key) for key in keys))
    status, sentence = await refusal(request)

    assert (400, True) == (status, "1 to 128 printable ASCII characters" in sentence)


async def test_the_longest_idempotency_key_is_taken() -> None:
    """128 characters."""
    answer = await Door().post(chat(NUMBER, "hello", ("idempotency-key", "x" * 128)))

    assert 200 == answer.status


# --------------------------------------------------------------------------------------- refusals


async def test_one_number_cannot_take_everything() -> None:
    """429 for it, with the time to come back, and nothing for others; then it may again."""
    door = Door(evolve(SETTINGS, rate_per_second=0.5, rate_burst=2.0))
    statuses = [(await door.post(chat("0244123456"))).status for _ in range(2)]
    refused = await door.post(chat())
    other = await door.post(chat("+233201111111"))
    door.clock.at += 2.0
    later = await door.post(chat())

    assert [200, 200] == statuses
    assert (429, "Too many messages of this number.") == (refused.status, error_of(refused))
    assert "2" == dict(refused.headers)["retry-after"]
    assert (200, 200) == (other.status, later.status)


@pytest.mark.parametrize(
    ("error", "status", "waits"),
    [
        (Refused(ErrorCode.DRAINING, "the server is being stopped"), 503, True),
        (Refused(ErrorCode.UNAVAILABLE, "the server is starting"), 503, True),
        (Refused(ErrorCode.QUARANTINED, "put aside"), 503, False),
        (Refused(ErrorCode.UNKNOWN_USER, "there is no such user"), 404, False),
        (Refused(ErrorCode.UNKNOWN_EVENT, "this app has no flows"), 404, False),
        (Refused(ErrorCode.BAD_REQUEST, "a fact is missing"), 400, False),
        (StoreUnavailable("away"), 503, True),
        (ActorGone("stopped"), 503, True),
        (MailboxFull("full"), 503, True),
        (TurnFailed("rolled back"), 500, False),
        (AskTimeout(applied=None), 504, False),
        (SnapshotCorrupt("hush"), 500, False),
        (ZeroDivisionError("hush"), 500, False),
    ],
)
async def test_what_the_runtime_cannot_do_is_said(
    error: Exception, status: int, waits: bool
) -> None:
    """One sentence, the status of all doors, and when to come back."""
    door = Door()
    door.directory.error = error
    answer = await door.post(chat())

    assert status == answer.status
    assert "hush" not in error_of(answer)
    assert waits == ("retry-after" in dict(answer.headers))


# --------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("token", ["short", "x" * 15, "with space 0123456789", "ümlaut-0123456789"])
def test_an_unusable_token_is_refused_without_being_repeated(token: str) -> None:
    """It could be tried out, or could not be sent."""
    with pytest.raises(InvalidInput) as caught:
        check_token(token)
    with pytest.raises(InvalidInput):
        Door(ChatSettings(tokens=(token,)))

    assert token not in str(caught.value)


@pytest.mark.parametrize("path", ["chat", "", "/", "/chat/", "/a b", "/{x}", "/chat?x", "/ä"])
def test_an_unusable_path_is_refused(path: str) -> None:
    """It would never be asked for, or would mean more than itself."""
    with pytest.raises(InvalidInput):
        ChatSettings(path=path)


def test_numbers_need_a_secret() -> None:
    """The door is not opened without one."""
    for keys in (SessionKeySettings(), SessionKeySettings(mode="flowchat_32")):
        with pytest.raises(InvalidInput):
            Door(SETTINGS, keys=keys)


def test_settings_show_no_token() -> None:
    """Not in their repr."""
    shown: Any = repr(SETTINGS)

    assert TOKEN not in shown
