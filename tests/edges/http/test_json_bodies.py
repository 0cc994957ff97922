"""Bodies that are JSON documents (sessiond/edges/http/json_bodies.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.json_bodies import is_json, parse_json
from sessiond.net.messages import Request


def posted(*headers: tuple[str, str]) -> Request:
    return Request(method="POST", target="/", path="/", headers=headers)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/cloudevents+json", True),
        ("application/json; charset=latin-1", False),
        ("text/json", False),
        ("text/plain+json", False),
        ("application/jsonp", False),
        ("", False),
    ],
)
def test_what_says_to_be_json(kind: str, expected: bool) -> None:
    """In UTF-8, by its content type."""
    assert expected is is_json(posted(("content-type", kind)))


def test_a_compressed_body_is_not_read() -> None:
    """Nor one that says two things, or nothing."""
    kind = ("content-type", "application/json")

    assert not is_json(posted(kind, ("content-encoding", "gzip")))
    assert not is_json(posted(kind, ("content-type", "text/plain")))
    assert not is_json(posted())


def test_documents_are_parsed() -> None:
    """Any JSON value."""
    assert {"a": [1, None]} == parse_json(b'{"a": [1, null]}')


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\\ud800"', b"{} {}"])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    """Nothing of it is repeated."""
    with pytest.raises(InvalidInput, match=r"^the body is not a JSON document$"):
        parse_json(body)


def test_a_document_that_nests_too_deeply_is_refused() -> None:
    """Long before a parser gives up, and with what is right."""
    assert parse_json(b"[" * 256 + b"]" * 256)
    for body in (b"[" * 257 + b"]" * 257, b"[" * 100_000):
        with pytest.raises(InvalidInput, match=r"^the body is nested deeper than 256 levels$"):
            parse_json(body)
