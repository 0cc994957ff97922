"""What passes through a gateway (sessiond/core/gateways/messages.py)."""

from sessiond.core.gateways.messages import ProviderAnswer, ProviderCall, ProviderRequest


def asked(query: str = "", content_type: str = "") -> ProviderRequest:
    return ProviderRequest(
        method="POST",
        url=f"https://example.com/x?{query}",
        path="/x",
        query=query,
        headers={"content-type": content_type, "authorization": "Bearer secret"},
        body=b"secret",
    )


def test_parameters() -> None:
    """Decoded; given twice it is nobody's."""
    assert "a b" == asked("p=a%20b&q=1").parameter("p")
    assert "" == asked("p=").parameter("p")
    assert asked("p=1&p=1").parameter("p") is None
    assert asked("").parameter("p") is None


def test_media_types() -> None:
    """Without parameters, in lower case."""
    assert "application/json" == asked(content_type="Application/JSON ; charset=utf-8").media_type
    assert "" == ProviderRequest(method="GET", url="", path="/").media_type


def test_secrets_are_in_no_repr() -> None:
    """Addresses, headers and bodies hold tokens and what people say."""
    call = ProviderCall(url="https://example.com/secret", body=b"secret")

    for one in (asked("token=secret"), ProviderAnswer(body=b"secret"), call):
        assert "secret" not in repr(one)
