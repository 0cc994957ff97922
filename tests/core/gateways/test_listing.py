"""A row of the listing of accounts."""

import pytest
from attrs import exceptions

from sessiond.core.gateways.listing import GatewayRow


def test_an_account_that_is_not_configured_any_more() -> None:
    """All that is known is its name: no kind, and nothing is sent on it."""
    row = GatewayRow(account="gone")

    assert ("gone", "", False) == (row.account, row.kind, row.sends)
    assert (0, False, 0) == (row.waiting, row.has_more, row.calls)
    assert (None, "") == (row.held_until, row.stopped)


def test_a_row_is_a_picture() -> None:
    """It says how things were, and does not follow them."""
    row = GatewayRow(account="shop", kind="whatsapp", sends=True, waiting=2)

    with pytest.raises(exceptions.FrozenInstanceError):
        row.waiting = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        GatewayRow("shop")  # type: ignore[call-arg]
