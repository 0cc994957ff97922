"""The url part of session keys (sessiond/core/conversations/url_part.py)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessiond.core.conversations.url_part import MAX_URL_PART, address, url_part
from sessiond.core.errors import InvalidInput

HOSTS = st.from_regex(r"[a-z0-9_-]{1,20}(\.[a-z0-9-]{1,20}){0,3}", fullmatch=True)
PATHS = st.text(st.sampled_from("ab/_~.-%é2F"), max_size=60).map(lambda path: "/" + path)


@pytest.mark.parametrize(
    ("host", "path", "part"),
    [
        ("tenant1.example.com", "/ussd", "tenant1.example.com_ussd"),
        ("tenant-1.com", "/ussd", "tenant-1.com_ussd"),
        ("example.com", "/api/v1/ussd", "example.com_api_v1_ussd"),
        ("Example.COM.", "/", "example.com"),
        ("example.com:8080", "/ussd?session=1#x", "example.com_ussd"),
        ("[::1]:80", "", "~5B~3A~3A1~5D"),
        ("a_b.com", "/é", "a~5Fb.com_~C3~A9"),
    ],
)
def test_usual_addresses_are_readable(host: str, path: str, part: str) -> None:
    """Host in small letters, then the path; port, query and a lone slash are no part of it."""
    assert part == url_part(host, path)


def test_long_addresses_are_cut() -> None:
    """The beginning is kept for people, a hash of the whole tells two of them apart."""
    host, path = "very-long-tenant-name.customers.example-platform.com", "/api/v1/gateways/ussd/"
    part = url_part(host, path + "nalo")

    assert part.startswith("very-long-tenant-name.customers.example-p_")
    assert MAX_URL_PART == len(part)
    assert part != url_part(host, path + "nsano")


@given(HOSTS, PATHS, HOSTS, PATHS)
@example("a", "/b/c", "a", "/b_c")
@example("a", "/b~2F", "a", "/b/")
@example("a", "//b", "a", "/_b")
def test_different_addresses_have_different_parts(a: str, b: str, c: str, d: str) -> None:
    """What FlowChat takes for the same, such as ``/`` and ``_``, stays apart: tenants never meet."""
    assert (url_part(a, b) == url_part(c, d)) == (address(a, b) == address(c, d))


@given(HOSTS, PATHS)
def test_parts_are_bounded_and_safe(host: str, path: str) -> None:
    """A part is short and holds no colon, which separates the parts of a key."""
    part = url_part(host, path)

    assert len(part) <= MAX_URL_PART
    assert part.isascii()
    assert ":" not in part


@pytest.mark.parametrize(
    ("host", "path"),
    [("", "/ussd"), ("a/b", ""), ("a b", ""), ("u@h", ""), ("a" * 300, ""), ("a", "/" * 9000)],
    ids=["empty", "slash", "space", "user", "long host", "long path"],
)
def test_what_is_no_address_is_refused(host: str, path: str) -> None:
    """Without a host all tenants would be one."""
    with pytest.raises(InvalidInput):
        url_part(host, path)
