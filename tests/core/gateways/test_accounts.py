"""Accounts: what can be set of every gateway, and what it can do."""

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import (
    ACCOUNT_NAME,
    Account,
    AccountSettings,
    account_path,
    calling_accounts,
)
from tests.runtime.gateway_worlds import USSD, whatsapp


def test_an_account_is_called_under_its_name_or_where_the_settings_say() -> None:
    """A path that nobody can guess replaces the usual one."""
    assert "/gateways/line" == USSD.path
    assert "/w/8f2c" == account_path("shop", AccountSettings(gateway="x", path="/w/8f2c"))


def test_what_a_gateway_can_do_is_known() -> None:
    """USSD answers, WhatsApp is called; we can speak first on the second alone."""
    shop = whatsapp()

    assert USSD.answers is USSD.gateway
    assert USSD.calls is None
    assert shop.calls is shop.gateway
    assert shop.answers is None
    assert shop.receipts is None
    assert {"shop"} == calling_accounts({"line": USSD, "shop": shop})


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "shop"},
        {"path": "/a b"},
        {"path": "/a/../b"},
        {"path": "/a/."},
        {"public_url": "chat.example.com"},
        {"public_url": "https://chat.example.com/x"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    """With what would be right."""
    with pytest.raises(InvalidInput, match="like"):
        AccountSettings(gateway="nalo", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"calls_per_second": 0.0},
        {"recipient_burst": 0.0},
        {"concurrent_calls": 0},
        {"call_seconds": -1.0},
        {"give_up_seconds": 0.0},
        {"resume_seconds": -1.0},
        {"upload_bytes": 0},
        {"upload_bytes": 101 * 1024 * 1024},
        {"upload_seconds": 0.0},
        {"download_bytes": 0},
    ],
)
def test_a_number_out_of_its_bounds_is_refused(wrong: dict[str, Any]) -> None:
    """Nothing waits backwards, and nothing is called never."""
    with pytest.raises(ValueError, match="must be"):
        AccountSettings(gateway="nalo", **wrong)


def test_nothing_secret_is_shown() -> None:
    """A path that nobody can guess is a secret, and so are the settings of the kind."""
    account = Account("shop", AccountSettings(gateway="x", path="/w/8f2c"), USSD.gateway)

    assert "8f2c" not in repr(account)
    assert "8f2c" not in repr(account.settings)


@pytest.mark.parametrize("name", ["", "Shop", "a b", "-x", "x" * 33, "a/b", "ä"])
def test_a_name_that_is_none(name: str) -> None:
    """It becomes part of addresses and logs."""
    assert ACCOUNT_NAME.fullmatch(name) is None


def test_an_account_knows_what_its_gateway_can_do_with_files() -> None:
    """WhatsApp takes and keeps them; a USSD line does neither."""
    shop = whatsapp()

    assert [shop.gateway] * 2 == [shop.uploads, shop.downloads]
    assert [None] * 2 == [USSD.uploads, USSD.downloads]
