"""What should not be sent to ``POST /chat``, sent to a real server: its answer, and that nothing was said."""

import json
from pathlib import Path
from typing import Any

from tests.scenarios.chatting import AMA, KOFI, TOKEN, Chat, serving
from tests.scenarios.hooks import get, request

REQUIRED = "Invalid input. 'user_phone' and 'user_message' are required."
FORM = (
    "Invalid input. 'user_phone' must be a phone number in international form, like +12025550123."
)
TEXTS = "Invalid input. 'user_phone' and 'user_message' must be texts."
NO_JSON = "The body is not a JSON document."
NO_OBJECT = "Invalid input. The request must be a JSON object."

#: What is sent as both fields, or as a whole body; status and sentence.
ROWS: dict[str, tuple[object, int, str]] = {
    "nothing": ({}, 400, REQUIRED),
    "no message": ({"user_phone": AMA}, 400, REQUIRED),
    "no number": ({"user_message": "hello"}, 400, REQUIRED),
    "an empty message": ({"user_phone": AMA, "user_message": ""}, 400, REQUIRED),
    "an empty number": ({"user_phone": "", "user_message": "hello"}, 400, REQUIRED),
    "a null": ({"user_phone": AMA, "user_message": None}, 400, REQUIRED),
    "a number that is a number": ({"user_phone": 233244123456, "user_message": "x"}, 400, TEXTS),
    "a list": ({"user_phone": AMA, "user_message": ["hello"]}, 400, TEXTS),
    "no phone": ({"user_phone": "Ama", "user_message": "hello"}, 400, FORM),
    "a short code": ({"user_phone": "*123#", "user_message": "hello"}, 400, FORM),
    "too many digits": ({"user_phone": AMA * 2, "user_message": "hello"}, 400, FORM),
    "an array": ([AMA, "hello"], 400, NO_OBJECT),
    "a null document": (None, 400, NO_OBJECT),
    "truncated": (b'{"user_phone": "+233244123456", "user_mess', 400, NO_JSON),
    "not UTF-8": (b'{"user_phone": "+233244123456", "user_message": "\xff"}', 400, NO_JSON),
    "half a character": (b'{"user_phone":"+233244123456","user_message":"\\ud83c"}', 400, NO_JSON),
    "nested deeply": (b"[" * 60_000, 400, "The body is nested deeper than 256 levels."),
    "a long message": (
        {"user_phone": AMA, "user_message": "x" * 4097},
        400,
        "Invalid input. 'user_message' has more than 4096 characters.",
    ),
    "a megabyte": (
        {"user_phone": AMA, "user_message": "x" * 1_000_000},
        413,
        "The request has more than 65536 bytes.",
    ),
}


def encoded(row: object) -> bytes:
    return row if isinstance(row, bytes) else json.dumps(row).encode()


async def test_bad_input_is_answered_and_changes_nothing(short_tmp_path: Path) -> None:
    """Each row has its status and its sentence, which repeats nothing; the person's conversation waits as before."""
    async with serving(Chat(f"sqlite:///{short_tmp_path}/chat.db", short_tmp_path)) as chat:
        await chat.say(AMA, "hello")
        answers: dict[str, tuple[int, Any]] = {}
        for name, (row, _, _) in ROWS.items():
            status, _, body = await chat.post(encoded(row))
            answers[name] = (status, json.loads(body))
        went_on = await chat.say(AMA, "Ama")

    assert {name: (status, {"error": text}) for name, (_, status, text) in ROWS.items()} == answers
    assert "Hello Ama, what is your favorite song?" == went_on


async def test_more_than_a_megabyte_is_cut_off_by_the_http_loop(short_tmp_path: Path) -> None:
    """Before it is read, in the form of all doors; the server goes on."""
    async with serving(Chat(f"sqlite:///{short_tmp_path}/chat.db", short_tmp_path)) as chat:
        status, _, body = await chat.post(b"x" * (2**20 + 1))
        assert "What is your name?" == await chat.say(AMA, "hello")

    assert (413, "too_large") == (status, json.loads(body)["code"])


async def test_the_envelope_is_checked(short_tmp_path: Path) -> None:
    """Token, content type and method, in that order; another origin is given no leave to read."""
    good = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    hello = encoded({"user_phone": AMA, "user_message": "hello"})
    async with serving(Chat(f"sqlite:///{short_tmp_path}/chat.db", short_tmp_path)) as chat:
        none = await chat.post(hello, {"content-type": "application/json"})
        wrong = await chat.post(hello, good | {"authorization": f"Bearer {TOKEN}x"})
        replaced = await chat.post(
            hello, good | {"authorization": "Bearer a-token-that-is-replaced"}
        )
        form = await chat.post(hello, good | {"content-type": "application/x-www-form-urlencoded"})
        key = await chat.post(hello, good | {"idempotency-key": "x" * 129})
        got = await get(chat.port, "/chat")
        asked = await request(
            chat.port, "OPTIONS", "/chat", b"", {"origin": "https://evil.example"}
        )

    assert (401, 401, 200) == (none[0], wrong[0], replaced[0])
    assert "Bearer" == none[1]["www-authenticate"]
    assert (
        none[2]
        == wrong[2]
        == b"""{"error":"A token is needed: 'Authorization: Bearer <token>'."}"""
    )
    assert 415 == form[0]
    assert 400 == key[0]
    assert (405, "POST", b'{"error":"This path takes POST."}') == (got[0], got[1]["allow"], got[2])
    assert 405 == asked[0]
    assert not [name for name in asked[1] if name.startswith("access-control-")]


async def test_a_sender_that_does_not_stop_is_held_back(short_tmp_path: Path) -> None:
    """429 for one number, with the time to come back; others are answered."""
    chat = Chat(
        f"sqlite:///{short_tmp_path}/chat.db",
        short_tmp_path,
        chat_settings="rate_per_second = 0.01\nrate_burst = 3\n",
    )
    async with serving(chat):
        statuses = [(await chat.send("0244123456", "hello"))[0] for _ in range(3)]
        refused = await chat.send(AMA, "hello")
        other = await chat.say(KOFI, "hello")

    assert [200] * 3 == statuses
    assert (429, {"error": "Too many messages of this number."}) == refused
    assert "What is your name?" == other


#: What is said, and what the flow gets.
NAMES = {
    "🌍👩🏽‍🚀": "🌍👩🏽‍🚀",
    "שלום עולם": "שלום עולם",
    "\u202eevil": "\u202eevil",
    "a\x00b\x07c\x1b[31m": "abc[31m",
    "one\r\ntwo": "one\ntwo",
    "e\u0301": "é",
    "'\"\\/<>&": "'\"\\/<>&",
    "x" * 4096: "x" * 4096,
}


async def test_any_text_is_a_name(short_tmp_path: Path) -> None:
    """Emoji, right-to-left, quotes, four thousand letters; controls are dropped, letters composed."""
    async with serving(Chat(f"sqlite:///{short_tmp_path}/chat.db", short_tmp_path)) as chat:
        for n, (said, shown) in enumerate(NAMES.items()):
            phone = f"+23324412345{n}"
            await chat.say(phone, "hello")
            assert f"Hello {shown}, what is your favorite song?" == await chat.say(phone, said)
            assert f"Playing {shown}" == await chat.say(phone, said)


async def test_a_text_of_nothing_visible_is_no_name(short_tmp_path: Path) -> None:
    """The question stays."""
    async with serving(Chat(f"sqlite:///{short_tmp_path}/chat.db", short_tmp_path)) as chat:
        await chat.say(AMA, "hello")
        blank = await chat.say(AMA, "  \t ")
        control = await chat.say(AMA, "\x00\x07")
        name = await chat.say(AMA, "Ama")

    assert {"Please write an answer.\n\nWhat is your name?"} == {blank, control}
    assert "Hello Ama, what is your favorite song?" == name
