"""Fields of a request (sessiond/core/gateways/fields.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.access import MAX_BODY
from sessiond.core.gateways.fields import FORM, JSON, Fields, host_of, read_fields
from sessiond.core.gateways.messages import ProviderRequest
from tests.gateways.recorded import request_of


def refusal(fields: Fields, how: str, **wanted: int) -> str:
    with pytest.raises(InvalidInput) as caught:
        getattr(fields, how)("name", **wanted)
    return str(caught.value)


def test_json_and_forms_hold_the_same() -> None:
    """As the content type says; a GET has its fields in the address."""
    assert {"a": "1 2", "b": ""} == read_fields(request_of("a=1+2&b=", media_type=FORM)).values
    assert {"a": "1 2", "b": ""} == read_fields(request_of({"a": "1 2", "b": ""})).values
    assert {"a": "1 2"} == read_fields(
        request_of("ignored", method="GET", query="a=1%202&token=secret", media_type="")
    ).values


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("a=1", JSON),
        ('{"a":1}x', JSON),
        ('["a"]', JSON),
        ("null", JSON),
        ('{"a":"\\ud800"}', JSON),
        ('{"a":' * 30_000, JSON),
        ("a=1&a=2", FORM),
        ("a=%ff", FORM),
        (b"a=\xff", FORM),
        ("&".join("abcdefgh"[n % 8] + str(n) + "=" for n in range(70)), FORM),
        ("{}", "text/xml"),
        (b"a" * (MAX_BODY + 1), FORM),
    ],
    ids=range(12),
)
def test_what_cannot_be_read_is_refused(body: object, media_type: str) -> None:
    """Not JSON, no object, too deep, a field twice, no text, too many fields, another type, too large."""
    with pytest.raises(InvalidInput):
        read_fields(request_of(body, media_type=media_type))


def test_texts() -> None:
    """Whole numbers are texts too; absent and null are ``None``."""
    fields = Fields({"name": "Ama", "n": 233241112223, "none": None})

    assert "Ama" == fields.text("name", longest=3)
    assert "233241112223" == fields.text("n", longest=40)
    assert fields.text("none", longest=3) is None
    assert fields.text("absent", longest=3) is None


@pytest.mark.parametrize("value", [True, 1.5, -1, 10**40, [], {}], ids=repr)
def test_what_is_no_text(value: object) -> None:
    """The message has the name, and nothing of the value."""
    assert "name is not a text" == refusal(Fields({"name": value}), "text", longest=99)


def test_long_and_missing_texts() -> None:
    """Bounds are the caller's."""
    assert "name has more than 2 characters" == refusal(Fields({"name": "Ama"}), "text", longest=2)
    assert "name is missing" == refusal(Fields({"name": None}), "needed", longest=2)


def test_ids() -> None:
    """Blanks around them are none of theirs; empty when absent."""
    assert "s 1" == Fields({"name": " s 1 "}).id("name")
    assert "" == Fields({}).id("name")
    for odd in ("a\x00b", "a\nb", "é", "\u200b"):
        assert "name is not made of visible ASCII characters" == refusal(
            Fields({"name": odd}), "id"
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("TRUE ", True),
        ("0", False),
        (1, True),
        (None, None),
        ("", None),
    ],
    ids=repr,
)
def test_flags(value: object, expected: bool | None) -> None:
    """As JSON and as forms have them."""
    assert expected is Fields({"name": value}).flag("name")


@pytest.mark.parametrize("value", ["yes", 2, 1.0, [], {}], ids=repr)
def test_what_is_no_flag(value: object) -> None:
    """Nothing is taken for true because it is not empty."""
    assert "name is neither true nor false" == refusal(Fields({"name": value}), "flag")


def test_hosts() -> None:
    """Of the address that the provider called, without the port; an address that cannot be read has none."""
    for url, host in (
        ("https://Tenant.example.com:8443/x?y", "tenant.example.com"),
        ("https://[::1", ""),
        ("", ""),
    ):
        assert host == host_of(ProviderRequest(method="POST", url=url, path="/x"))


def test_values_are_in_no_repr() -> None:
    """They are what people said."""
    assert "secret" not in repr(Fields({"name": "secret"}))


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM]))
def test_arbitrary_bytes(body: bytes, media_type: str) -> None:
    """They are read or refused, whatever they are."""
    try:
        fields = read_fields(request_of(body, media_type=media_type))
    except InvalidInput:
        return

    assert all(isinstance(name, str) for name in fields.values)
