"""Version, subprotocol and token of an upgrade request."""

import base64

import pytest

from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.wire.negotiate import (
    check_version,
    choose_subprotocol,
    find_token,
    parse_query,
)


def bearer(token: str) -> str:
    return "base64url.bearer.phx." + base64.b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize("version", ["2.0.0", "2.0", "2.1.7"])
def test_serializer_two_is_spoken(version: str) -> None:
    """Any 2.x."""
    check_version({"vsn": version})


@pytest.mark.parametrize("parameters", [{}, {"vsn": "1.0.0"}, {"vsn": "2"}, {"vsn": "20.0"}])
def test_other_versions_are_refused(parameters: dict[str, str]) -> None:
    """Version 1 has another frame format; none at all means version 1."""
    with pytest.raises(InvalidInput, match=r"vsn=2\.0\.0"):
        check_version(parameters)


def test_only_phoenix_is_ever_chosen() -> None:
    """Never the offer with the token in it, and nothing when nothing fits."""
    assert choose_subprotocol(["phoenix", bearer("x")]) == "phoenix"
    assert choose_subprotocol([bearer("x")]) is None
    assert choose_subprotocol([]) is None


def test_the_header_counts_before_the_subprotocol_before_the_query() -> None:
    """One order, so that two tokens in a request are no riddle."""
    offers, query = ["phoenix", bearer("two")], {"token": "three"}

    assert find_token("Bearer one", offers, query) == "one"
    assert find_token(None, offers, query) == "two"
    assert find_token(None, ["phoenix"], query) == "three"


def test_both_alphabets_of_base64_are_read() -> None:
    """phoenix.js uses btoa, others base64url."""
    token = "a?b>c~~~"
    plain = base64.b64encode(token.encode()).decode()
    safe = base64.urlsafe_b64encode(token.encode()).decode()

    assert plain != safe
    for encoded in (plain, safe, plain.rstrip("="), safe.rstrip("=")):
        offer = f"base64url.bearer.phx.{encoded.rstrip('=')}"
        assert find_token(None, [offer], {}) == token


@pytest.mark.parametrize(
    ("authorization", "offers", "parameters"),
    [
        (None, [], {}),
        (None, [], {"token": ""}),
        ("Basic hush", [], {"token": "t"}),
        ("Bearer", [], {}),
        ("Bearer ", [], {}),
        (None, ["base64url.bearer.phx."], {"token": "t"}),
        (None, ["base64url.bearer.phx.%%hush"], {}),
        (None, ["base64url.bearer.phx.w6Q"], {}),
    ],
)
def test_no_token_is_unauthorized(
    authorization: str | None, offers: list[str], parameters: dict[str, str]
) -> None:
    """Absent or broken; what was sent is not repeated."""
    with pytest.raises(Refused) as refused:
        find_token(authorization, offers, parameters)

    assert refused.value.code == "unauthorized"
    assert "hush" not in refused.value.message


def test_a_query_is_decoded_and_bounded() -> None:
    """Escapes are undone, the last of equal names counts, and there is an end to it."""
    assert parse_query("a=%20b&a=c&d=") == {"a": "c", "d": ""}
    with pytest.raises(InvalidInput, match="64 parameters"):
        parse_query("&".join(f"a{number}=1" for number in range(65)))
