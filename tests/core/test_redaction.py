"""Masking in texts (sessiond/core/redaction.py)."""

import time

import jwt
import pytest

from sessiond.core.redaction import hide_secrets, is_secret_name

TOKEN = jwt.encode({"sub": "ada"}, "k" * 32, algorithm="HS256")


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


@pytest.mark.parametrize("number", ["offer_+233241234567", "offer_233241234567", "233241234567_1"])
def test_numbers_joined_by_underscores_are_masked(number: str) -> None:
    """Ids that bots make of a word and a number."""
    assert "[number …67]" in hide_secrets(number)


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
        "on 01-02-2024 10:15, rooms 01 02 03",
        "größer als 12 – und zwar ‑ 4",
    ],
)
def test_ordinary_texts_stay(innocent: str) -> None:
    """Times, durations, addresses, hashes and small numbers are not phone numbers."""
    assert hide_secrets(innocent) == innocent


@pytest.mark.parametrize(
    "number",
    [
        "0244123456",
        "offer_0244123456",
        "020 7946 0018 or 02079460018",
        "0151234567",
        "024 412 3456",
        "(024) 412-3456",
        "024-412-3456",
        "01 23 45 67 89",
    ],
)
def test_numbers_in_local_form_are_masked(number: str) -> None:
    """As people type them: a zero first, in one piece or in groups."""
    assert hide_secrets(number).endswith(f"[number …{number[-2:]}]")


@pytest.mark.parametrize(
    "number",
    [
        "٠٢٤٤١٢٣٤٦٧",
        "０２４４１２３４６７",
        "+२३३२४४१२३४६७",
        "+233\u201124\u2011412\u20113467",
        "+233\xa024\xa0412\xa03467",
        "＋233244123467",
        "+233/24/4123467",
    ],
)
def test_numbers_of_other_scripts_and_clipboards_are_masked(number: str) -> None:
    """Whatever digits, hyphens and blanks they are written with."""
    assert hide_secrets(f"from {number}.") == "from [number …67]."


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("verify_token", True),
        ("Authorization", True),
        ("api_keys", True),
        ("msisdn", True),
        ("tokens_used", False),
        ("name", False),
    ],
)
def test_some_names_are_secret(name: str, secret: bool) -> None:
    """What stands under them is hidden, however harmless it looks."""
    assert secret == is_secret_name(name)


@pytest.mark.parametrize(
    "unit", ["eyJ", "+1", "1 ", "token=", "bearer ", "eyJ.", "+1(", "a1", "01 23 ", "(01-2"]
)
def test_masking_hostile_text_takes_linear_time(unit: str) -> None:
    """Repetitions of each pattern's beginning do not make a log line expensive (quadratic would take minutes)."""
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    hide_secrets(text)

    assert time.process_time() - start < 10
