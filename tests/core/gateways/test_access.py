"""Who may call an answering gateway (sessiond/core/gateways/access.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.access import MAX_BODY, Access, AccessSettings
from sessiond.core.gateways.messages import ProviderAnswer
from tests.gateways.recorded import request_of

OLD, NEW = "0123456789abcdef", "fedcba9876543210"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SETTINGS = AccessSettings(tokens=(OLD, NEW))
ACCESS = Access(SETTINGS, methods=("POST",), media_types=(JSON, FORM))
RIGHT = f"token={OLD}"


def status(answer: ProviderAnswer | None) -> int | None:
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    "query", [RIGHT, f"token={NEW}", f"a=1&{RIGHT}", "token=0123456789%61bcdef"]
)
def test_any_active_token_is_accepted(query: str) -> None:
    """Two while one is being replaced."""
    assert ACCESS.check(request_of({}, query=query)) is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "token",
        "token=",
        f"token={OLD}x",
        f"token={OLD[:-1]}",
        f"{RIGHT}&{RIGHT}",
        "TOKEN=" + OLD,
    ],
)
def test_anything_else_is_refused(query: str) -> None:
    """One character less or more, another name, or given twice."""
    assert 401 == status(ACCESS.check(request_of({}, query=query)))


def test_odd_tokens_are_only_wrong() -> None:
    """Bytes that are no text, and a lone surrogate in a header."""
    in_header = Access(SETTINGS, methods=("POST",), media_types=(JSON,), in_header=True)

    assert 401 == status(ACCESS.check(request_of({}, query="token=%ff%00")))
    assert 401 == status(in_header.check(request_of({}, authorization="Bearer \udcff")))


def test_who_it_is_comes_first() -> None:
    """Whoever has no token learns nothing about methods and sizes."""
    wrong = request_of(b"x" * (MAX_BODY + 1), method="PUT", media_type="text/plain")

    assert 401 == status(ACCESS.check(wrong))


def test_methods_sizes_and_types() -> None:
    """Wrong method, a body of more than 64 KiB (10 MB too), a wrong or no content type."""
    for expected, request in (
        (405, request_of({}, query=RIGHT, method="PUT")),
        (405, request_of("", query=RIGHT, method="GET")),
        (413, request_of(b"x" * (MAX_BODY + 1), query=RIGHT)),
        (413, request_of(b"x" * 10_000_000, query=RIGHT)),
        (415, request_of({}, query=RIGHT, media_type="text/plain")),
        (415, request_of({}, query=RIGHT, media_type="")),
        (None, request_of({}, query=RIGHT, media_type=f"{FORM.upper()}; charset=UTF-8")),
    ):
        assert expected == status(ACCESS.check(request))


def test_refusals_tell_nothing() -> None:
    """Neither the token that was sent nor the right one."""
    refused = ACCESS.check(request_of({}, query="token=guessed-guessed-1"))

    assert refused is not None
    assert b"unknown token" == refused.body


@pytest.mark.parametrize(
    "tokens", [(), ("",), ("short",), (OLD, ""), (OLD, "with blanks in its mid"), ("x" * 257,)]
)
def test_an_empty_or_weak_token_is_refused(tokens: tuple[str, ...]) -> None:
    """When the settings are made, and without repeating it."""
    with pytest.raises(InvalidInput) as caught:
        AccessSettings(tokens=tokens)

    assert not any(token and token in str(caught.value) for token in tokens)


def test_open_on_purpose() -> None:
    """Where the door lets in the provider's addresses only."""
    access = Access(AccessSettings(open=True), methods=("POST",), media_types=(JSON,))

    assert access.check(request_of({})) is None
    assert 405 == status(access.check(request_of({}, method="PATCH")))


def test_tokens_are_in_no_repr() -> None:
    """Settings are logged when a server starts."""
    assert OLD not in repr(SETTINGS)
