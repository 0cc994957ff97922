"""What the Bot API's answers mean (sessiond/gateways/telegram/judging.py)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.port import AccountStopped, GivenUp, Judgement, Sent, TryAgain
from sessiond.gateways.telegram.judging import judge


def answered(status: int, body: Any = b"", **headers: str) -> Judgement:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(ProviderResponse(status=status, headers=named, body=raw))


def error(code: int, description: str = "for 5512", **parameters: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return told | ({"parameters": parameters} if parameters else {})


def test_a_message_that_was_taken_has_its_id() -> None:
    """It is the message's number in its chat."""
    assert Sent("19") == answered(200, {"ok": True, "result": {"message_id": 19, "text": "hi"}})


@pytest.mark.parametrize(
    ("media", "file"),
    [
        ({"photo": [{"file_id": "s", "width": 90}, {"file_id": "l", "width": 800}]}, "l"),
        ({"document": {"file_id": "d", "file_name": "a.pdf"}}, "d"),
        ({"animation": {"file_id": "g"}, "document": {"file_id": "g"}}, "g"),
        ({"audio": {"file_id": "a"}}, "a"),
        ({"video": {"file_id": "v"}}, "v"),
        ({"sticker": {"file_id": "k"}}, "k"),
        ({"photo": []}, ""),
        ({"text": "hi"}, ""),
    ],
)
def test_a_message_with_a_file_has_that_files_id(media: Any, file: str) -> None:
    """It can be sent by it again: of a photo the largest."""
    judged = answered(200, {"ok": True, "result": {"message_id": 19, **media}})

    assert Sent("19", file) == judged
    assert not file or f"'{file}'" not in repr(judged)


def test_a_receipt_that_was_taken_has_none() -> None:
    """``true`` is all there is."""
    assert Sent("") == answered(200, {"ok": True, "result": True})


@pytest.mark.parametrize(
    ("code", "description", "kind"),
    [
        (400, "Bad Request: chat not found", GivenUp),
        (400, "Bad Request: can't parse entities", GivenUp),
        (400, "Bad Request: message text is empty", GivenUp),
        (401, "Unauthorized", AccountStopped),
        (403, "Forbidden: bot was blocked by the user", GivenUp),
        (403, "Forbidden: user is deactivated", GivenUp),
        (403, "Forbidden: bot can't initiate conversation with a user", GivenUp),
        (404, "Not Found", AccountStopped),
        (409, "Conflict", TryAgain),
        (413, "Request Entity Too Large", GivenUp),
        (420, "Flood", GivenUp),
        (429, "Too Many Requests: retry after 5", TryAgain),
        (500, "Internal Server Error", TryAgain),
        (502, "Bad Gateway", TryAgain),
        (504, "Gateway Timeout", TryAgain),
    ],
)
def test_the_code_decides(code: int, description: str, kind: type[Judgement]) -> None:
    """Descriptions are for people; they are not repeated."""
    judged = answered(code, error(code, description))

    assert isinstance(judged, kind)
    assert description not in repr(judged)


def test_too_many_messages_wait_as_long_as_told() -> None:
    """429 with ``retry_after``: of the chat or of the bot, it does not say."""
    found = answered(429, error(429, retry_after=35))

    assert TryAgain("429: too many messages", 35.0, perhaps_account=True) == found


@pytest.mark.parametrize(
    ("after", "seconds"), [(0, None), (-1, None), (None, None), (1.5, 1.5), (10**9, 86_400.0)]
)
def test_a_wait_is_bounded(after: float | None, seconds: float | None) -> None:
    """To a day; none is none."""
    found = answered(429, error(429, retry_after=after))

    assert isinstance(found, TryAgain)
    assert seconds == found.seconds


def test_a_header_may_say_how_long() -> None:
    """A proxy in front says it so."""
    assert TryAgain("503: the answer cannot be read", 7.0) == answered(503, b"", retry_after="7")
    assert TryAgain("503: not now", 7.0) == answered(503, error(503), retry_after="7")


def test_a_group_that_became_another_is_given_up() -> None:
    """``migrate_to_chat_id``: conversations are with persons, whose chats do not move."""
    found = answered(400, error(400, migrate_to_chat_id=-1001234567890))

    assert GivenUp("400: the group has become another one") == found


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500, 502])
@pytest.mark.parametrize("body", [b"", b'{"ok":true,"resu', b"<html>", b"null", b"[]", b'{"ok":1}'])
def test_half_a_response_is_tried_again(status: int, body: bytes) -> None:
    """What is not Telegram's answer decides nothing: a proxy's 403 says nothing about a person."""
    judged = answered(status, body)

    assert isinstance(judged, TryAgain)
    assert (status == 200) is judged.is_taken


@given(st.integers(100, 599), st.binary(max_size=60), st.integers() | st.floats() | st.text())
def test_whatever_is_answered_is_judged(status: int, noise: bytes, odd: object) -> None:
    """Every answer means something: nothing is raised."""
    for body in (
        noise,
        json.dumps({"ok": False, "error_code": status, "parameters": odd}).encode(),
    ):
        answered(status, body)
    answered(429, json.dumps(error(429, retry_after=odd)).encode())
