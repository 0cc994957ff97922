"""Recorded exchanges: what a provider sent, how it is read, and what we answered (tests/gateways/exchanges)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from sessiond.core.gateways.arrivals import Arrived, Heard
from sessiond.core.gateways.messages import ProviderRequest

FOLDER = Path(__file__).with_name("exchanges")
RECEIVED_AT = 1_763_632_800.0  # 2025-11-20T10:00:00Z


class Exchange(NamedTuple):
    """One request, the arrivals expected of it (the fields that matter), and answers to it."""

    request: ProviderRequest
    arrivals: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]


def exchanges(gateway: str) -> dict[str, Exchange]:
    """Read the exchanges of a gateway, by name."""
    return {path.stem: _exchange(json.loads(path.read_text())) for path in _files(gateway)}


def bodies(gateway: str) -> list[bytes]:
    """Read the bodies of the requests of a gateway."""
    return [one.request.body for one in exchanges(gateway).values()]


def request_of(
    body: object,
    *,
    media_type: str = "application/json",
    query: str = "",
    method: str = "POST",
    authorization: str = "",
) -> ProviderRequest:
    """Make a request; a *body* that is no text is sent as JSON."""
    headers = {"content-type": media_type} if media_type else {}
    if authorization:
        headers["authorization"] = authorization
    return ProviderRequest(
        method=method,
        url=f"https://tenant.example.com/hooks/account?{query}",
        path="/hooks/account",
        query=query,
        headers=headers,
        body=_bytes(body),
        received_at=RECEIVED_AT,
    )


def differences(arrived: Sequence[Arrived], expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what is not as it was expected; fields that are not mentioned may be anything."""
    found = [f"{len(arrived)} arrivals"] if len(arrived) != len(expected) else []
    for one, wanted in zip(arrived, expected, strict=False):
        found += _unlike(_plain(one), wanted, type(one).__name__)
    return found


def only(arrived: Sequence[Arrived]) -> Heard:
    """Return the one message that was read."""
    (heard,) = arrived
    assert isinstance(heard, Heard)
    return heard


def broken(body: bytes) -> st.SearchStrategy[bytes]:
    """Make bodies that are *body* with a part cut out, and something else in its place."""
    ends = st.integers(0, len(body))
    odd = st.sampled_from(
        [b"", b"null", b"[]", b'"', b"%ff", b"\xff", b"&", b"=", b"1e999", b"true"]
    )
    return st.builds(
        lambda a, b, new: body[: min(a, b)] + new + body[max(a, b) :],
        ends,
        ends,
        odd | st.binary(max_size=8),
    )


def _files(gateway: str) -> Iterator[Path]:
    yield from sorted((FOLDER / gateway).glob("*.json"))


def _exchange(content: Mapping[str, Any]) -> Exchange:
    sent = dict(content["request"])
    return Exchange(
        request_of(sent.pop("body", ""), **sent), content["arrivals"], content.get("answers", ())
    )


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _plain(one: Arrived) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(one)
    if "body" in plain:
        plain["body"] = json.loads(getattr(one, "body"))  # noqa: B009 - only notices have one
    return plain


def _unlike(found: Any, wanted: Any, path: str) -> list[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line
            for name, value in wanted.items()
            for line in _unlike(found.get(name), value, f"{path}.{name}")
        ]
    return [] if found == wanted else [f"{path} is {found!r}, not {wanted!r}"]
