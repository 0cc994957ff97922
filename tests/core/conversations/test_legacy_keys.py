"""FlowChat's ids (sessiond/core/conversations/legacy_keys.py); the values are the reference's."""

import pytest

from sessiond.core.conversations.legacy_keys import (
    legacy_hash,
    legacy_key,
    legacy_url_part,
    underscored,
)


@pytest.mark.parametrize(
    ("number", "short", "long"),
    [
        ("+256700123456", "0aaf5adc", "0aaf5adc83de1f5895c70f3f0dd41023"),
        ("+233244123456", "8f51d05b", "8f51d05beb659199d560b99c610f1432"),
    ],
)
def test_hashes_are_flowchats(number: str, short: str, long: str) -> None:
    """SHA-256 of the E.164 number, cut to 8 or 32 hex digits."""
    assert (short, long) == (legacy_hash(number, 8), legacy_hash(number, 32))


@pytest.mark.parametrize(
    ("host", "path", "part"),
    [
        ("tenant1.example.com", "/ussd", "tenant1.example.com_ussd"),
        ("tenant-1.com", "/ussd", "tenant-1.com_ussd"),
        ("Example.com", "/", "Example.com"),
        (
            "very-long-tenant-name.customers.example-platform.com",
            "/api/v1/gateways/ussd/nalo",
            "very-long-tenant-name.customers.example-p_64e4d94f",
        ),
    ],
)
def test_addresses_are_flowchats(host: str, path: str, part: str) -> None:
    """Sanitised; over 50 characters the first 41, an underscore, 8 hex digits."""
    assert part == legacy_url_part(host, path)


def test_parts_are_joined_by_colons() -> None:
    """What no boundary asks for is left out, not left empty."""
    assert "order:ussd:nalo:abc123" == legacy_key(("order", "ussd", "nalo"), "abc123")
    assert "abc123" == legacy_key((), "abc123")


@pytest.mark.parametrize(
    ("name", "flow"),
    [
        ("RegistrationFlow", "registration_flow"),
        ("USSDFlow", "ussd_flow"),
        ("Shop::OrderFlow", "shop/order_flow"),
        ("Order2Flow", "order2_flow"),
    ],
)
def test_flows_are_named_as_their_classes(name: str, flow: str) -> None:
    """The flow part was made from a Ruby class name."""
    assert flow == underscored(name)
