"""Redaction of log fields."""

import time

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiond.observability.redaction import MAX_TEXT, MAX_TRACEBACK, hide_secrets, redact

TOKEN = jwt.encode({"sub": "ada"}, "k" * 32, algorithm="HS256")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "template",
    [
        "refused {}",
        "GET /socket/websocket?token={}&vsn=2.0.0",
        "GET /socket/websocket?vsn=2.0.0&token%3D{}",
        "Authorization: Bearer {}",
        "{}.",
        "('{}')",
    ],
)
def test_tokens_are_masked_wherever_they_stand(template: str) -> None:
    """A signed token in a text, a target or a header is not printed, not even its first part."""
    shown = hide_secrets(template.format(TOKEN))

    assert TOKEN not in shown
    assert TOKEN.split(".")[0] not in shown
    assert TOKEN.split(".")[2] not in shown


def test_a_token_in_the_phoenix_subprotocol_is_masked() -> None:
    """phoenix.js sends its token base64url-encoded as a subprotocol."""
    assert hide_secrets("phoenix, base64url.bearer.phx.ZXlKaGJH") == (
        "phoenix, base64url.bearer.phx.[token]"
    )


@pytest.mark.parametrize("key", ["token", "access_token", "secret", "api_key", "signature"])
def test_opaque_secrets_in_queries_are_masked(key: str) -> None:
    """Values of telling names go, the rest of the query stays."""
    assert hide_secrets(f"/x?{key}=hunter2&vsn=2.0.0") == f"/x?{key}=[hidden]&vsn=2.0.0"


@pytest.mark.parametrize(
    "number",
    ["+233241234567", "+233 24 123 4567", "+1 (555) 010-9967", "233241234567", "00233241234567"],
)
def test_phone_numbers_keep_only_their_last_two_digits(number: str) -> None:
    """With a plus, grouped, or bare as gateways write them."""
    shown = hide_secrets(f"message from {number}, refused")

    assert shown == "message from [number …67], refused"


@pytest.mark.parametrize(
    "innocent",
    [
        "2026-11-21T03:34:56.123456Z",
        "turn took 0.123456789012 s",
        "listening on 127.0.0.1:4000",
        "node 3f0c9a1b2c3d4e5f6a7b8c9d0e1f2a3b",
        "user_hash 1234567890abcdef",
        "code 4100, offset 1234567",
        "no token given",
        'File "/srv/app/shop.py", line 120',
    ],
)
def test_ordinary_texts_stay(innocent: str) -> None:
    """Times, durations, addresses, hashes and small numbers are not phone numbers."""
    assert hide_secrets(innocent) == innocent


def test_secret_names_hide_whatever_they_hold() -> None:
    """Also nested, and also when the value looks harmless."""
    assert redact({"verify_token": "x", "headers": {"Cookie": "a=b", "host": "h"}, "n": 1}) == {
        "verify_token": "[hidden]",
        "headers": {"Cookie": "[hidden]", "host": "h"},
        "n": 1,
    }


def test_bytes_are_shown_as_their_number() -> None:
    """A payload that is logged by accident stays out of the log."""
    assert redact({"body": b"abc", "view": memoryview(b"abcd")}) == {
        "body": "[3 bytes]",
        "view": "[4 bytes]",
    }


def test_long_texts_are_cut() -> None:
    """A message keeps its beginning, a traceback its end."""
    shown = redact({"event": "a" * 10_000 + "b", "exception": "a" + "b" * 100_000})

    assert shown["event"] == "a" * MAX_TEXT + "…"
    assert shown["exception"] == "…" + "b" * MAX_TRACEBACK


def test_a_token_across_the_cut_is_masked() -> None:
    """Masking comes before cutting."""
    shown = redact({"event": "a" * (MAX_TEXT - 30) + " " + TOKEN})

    assert str(shown["event"]).endswith("[token]")


def test_an_object_that_cannot_be_printed_costs_nothing_but_its_text() -> None:
    """Its class is shown instead."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert redact({"thing": Broken()}) == {"thing": "[Broken]"}


def test_deep_and_long_structures_are_bounded() -> None:
    """A list that holds itself ends, and of many items some are shown."""
    endless: list[object] = []
    endless.append(endless)

    assert redact({"x": endless}) == {"x": [[[["[…]"]]]]}
    shown = redact({"x": list(range(1000))})["x"]
    assert isinstance(shown, list)
    assert len(shown) == 50


@settings(max_examples=30)
@given(fields=st.dictionaries(st.text(), JSON, max_size=4))
def test_whatever_is_logged_redaction_does_not_fail(fields: dict[str, object]) -> None:
    """Any JSON-like value and bytes come out as plain values under the same names."""
    assert redact(fields).keys() == fields.keys()


@pytest.mark.parametrize("unit", ["eyJ", "+1", "1 ", "token=", "bearer ", "eyJ.", "+1(", "a1"])
def test_masking_hostile_text_takes_linear_time(unit: str) -> None:
    """Repetitions of each pattern's beginning do not make a log line expensive (quadratic would take minutes)."""
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    hide_secrets(text)

    assert time.process_time() - start < 10
