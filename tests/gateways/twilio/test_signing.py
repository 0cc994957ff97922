"""Who called us (sessiond/gateways/twilio/signing.py)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.gateways.messages import ProviderRequest
from sessiond.gateways.twilio.signing import is_signed, signature, signer_of
from tests.gateways.twilio.webhooks import FORM, TOKEN, URL, json_request, request, sms

#: The vector of Twilio's documentation ("Secure webhooks").
VECTOR_URL = "https://example.com/myapp.php?foo=1&bar=2"
VECTOR = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
VECTOR_SIGNATURE = "9pyy2ZSJda9ihJ1NNXPXtY4oV2Y="


def signed_by(request: ProviderRequest, tokens: list[str]) -> bool:
    return is_signed(request, [signer_of(token) for token in tokens])


def vector(**changes: object) -> ProviderRequest:
    given = ProviderRequest(
        method="POST",
        url=VECTOR_URL,
        path="/myapp.php",
        query="foo=1&bar=2",
        headers={"content-type": FORM, "x-twilio-signature": VECTOR_SIGNATURE},
        body=VECTOR,
    )
    return msgspec.structs.replace(given, **changes)


def test_the_vector_of_the_documentation_is_signed() -> None:
    """Address, query and the sorted fields."""
    assert signed_by(vector(), ["12345"])
    assert signed_by(vector(), ["other", "12345"])
    assert not signed_by(vector(), ["other", "1234"])


def test_the_order_of_the_fields_does_not_matter() -> None:
    """They are sorted before they are signed."""
    turned = b"&".join(reversed(VECTOR.split(b"&")))

    assert signed_by(vector(body=turned), ["12345"])


@given(st.integers(0, len(VECTOR) - 1), st.integers(1, 127))
def test_a_changed_byte_is_not_signed(index: int, flipped: int) -> None:
    """Any one byte, unless it is another way to write the same."""
    body = bytearray(VECTOR)
    body[index] ^= flipped
    means_the_same = bytes(body).lower() == VECTOR.lower()

    assert means_the_same or not signed_by(vector(body=bytes(body)), ["12345"])


@pytest.mark.parametrize(
    "url",
    [
        VECTOR_URL.replace("https", "http"),
        VECTOR_URL.replace("foo=1", "foo=2"),
        VECTOR_URL + "&x=1",
        VECTOR_URL.replace("example.com", "example.org"),
        VECTOR_URL.replace("example.com", "example.com:8443"),
        "https://[bad",
        "",
    ],
)
def test_another_address_is_not_signed(url: str) -> None:
    """Scheme, host and query count; a port that is not the scheme's own, too."""
    found = signed_by(vector(url=url), ["12345"])

    assert found is (":8443" in url)


@pytest.mark.parametrize("port", [":443", ""])
@pytest.mark.parametrize("signed_port", [":443", ""])
def test_the_port_may_be_signed_or_not(port: str, signed_port: str) -> None:
    """Whether it stands in what reached us or not."""
    body = sms(Body="hi")
    signed = URL.replace(".com", f".com{signed_port}")
    came = request(
        body,
        url=URL.replace(".com", f".com{port}"),
        x_twilio_signature=signature(signed, list(body.items()), TOKEN),
    )

    assert signed_by(came, [TOKEN])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "=",
        "é",
        VECTOR_SIGNATURE[:-1],
        VECTOR_SIGNATURE + "\n",
        VECTOR_SIGNATURE.replace("9", "8"),
        "sha1=" + VECTOR_SIGNATURE,
        "A" * 10_000,
    ],
)
def test_a_wrong_or_missing_signature_is_none(header: str | None) -> None:
    """Nothing else is taken for one."""
    headers = {"content-type": FORM} | ({} if header is None else {"x-twilio-signature": header})

    assert not signed_by(vector(headers=headers), ["12345"])


def test_blank_and_repeated_fields_are_signed() -> None:
    """Empty values and blanks count; of a name that came twice each value does, once."""
    pairs = [("A", ""), ("B", " x "), ("C", "2"), ("C", "1"), ("C", "2")]
    came = request(b"A=&B=+x+&C=2&C=1&C=2", x_twilio_signature=signature(URL, pairs, TOKEN))

    assert signed_by(came, [TOKEN])
    assert signature(URL, pairs, TOKEN) == signature(URL, [*pairs[:2], ("C1C", "2")], TOKEN)


def test_json_is_signed_by_its_hash() -> None:
    """It is in the address, which is signed."""
    assert signed_by(json_request(sms(Body="hi")), [TOKEN])


def test_json_whose_hash_is_another_is_not_signed() -> None:
    """A changed byte, or no hash at all."""
    body = b'{"Body":"hi"}'

    assert not signed_by(json_request(body, hashed=b'{"Body":"hj"}'), [TOKEN])
    without = request(
        body, content_type="application/json", x_twilio_signature=signature(URL, [], TOKEN)
    )
    assert not signed_by(without, [TOKEN])


def test_a_form_is_not_signed_by_a_hash() -> None:
    """Nor is JSON that says it is a form: what is read is what was signed."""
    came = json_request(b'{"Body":"hi"}')

    assert not signed_by(
        msgspec.structs.replace(came, headers={**came.headers, "content-type": FORM}), [TOKEN]
    )
    plain = msgspec.structs.replace(came, headers={**came.headers, "content-type": "text/plain"})
    assert not signed_by(plain, [TOKEN])


@given(st.binary(max_size=80), st.text(max_size=40), st.text(max_size=20))
def test_whatever_comes_is_checked(body: bytes, header: str, url: str) -> None:
    """Bad UTF-8, lone surrogates, odd addresses: not signed, and no error."""
    headers = {"content-type": FORM, "x-twilio-signature": header}

    assert not signed_by(vector(body=body, url=url, headers=headers), ["12345"])
