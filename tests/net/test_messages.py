"""Requests and responses as values (sessiond/net/messages.py)."""

from sessiond.net.messages import Request


def test_a_header_is_found_by_its_lower_case_name() -> None:
    """Names are in lower case, so one spelling finds them."""
    request = Request(method="GET", target="/", path="/", headers=(("accept", "*/*"),))

    assert request.header("accept") == "*/*"
    assert request.header("host") is None


def test_a_header_sent_twice_counts_as_absent() -> None:
    """Two contradicting values are none: nobody can be fooled about which one was meant."""
    headers = (("webhook-id", "a"), ("webhook-id", "b"))

    assert Request(method="GET", target="/", path="/", headers=headers).header("webhook-id") is None


def test_a_repr_shows_no_secret() -> None:
    """Tokens travel in queries, headers and bodies; a log line with a request has none of them."""
    request = Request(
        method="POST",
        target="/socket?token=hush",
        path="/socket",
        query="token=hush",
        headers=(("authorization", "Bearer hush"),),
        body=b"hush",
    )

    assert "hush" not in repr(request)
