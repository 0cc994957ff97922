"""Where the simulator may be, and what it knows of accounts (sessiond/server/simulated.py)."""

from typing import Any

import pytest

from sessiond.config import check_settings, load_settings
from sessiond.config.settings import Settings
from sessiond.runtime.clock import SystemClock
from sessiond.server.simulated import dev_accounts, open_simulator
from sessiond.server.unusable import find_unusable

SECRET = "dev-only-0123456789abcdef0123456789abcdef"


def settings(**flags: Any) -> Settings:
    """Settings of a ``sessiond dev`` with the accounts it makes; *flags* have ``__`` for dots."""
    made = {
        f"gateways.{name}.{key}": value
        for name, table in dev_accounts(SECRET, "127.0.0.1:4000").items()
        for key, value in table.items()
    }
    given = {name.replace("__", "."): value for name, value in flags.items()}
    keys = {"auth.secret": SECRET, "session_keys.secret": SECRET}
    return load_settings(
        flags={"dev": True, "listen.host": "127.0.0.1", **keys, **made, **given}, environment={}
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_it_is_there_on_loopback(host: str) -> None:
    """Of a ``sessiond dev``."""
    simulator = open_simulator(settings(listen__host=host), SystemClock())

    assert simulator is not None
    assert "/simulator" in {route.pattern for route in simulator.routes()}


@pytest.mark.parametrize(
    "flags", [{"dev": False}, {"listen__host": "0.0.0.0"}, {"listen__host": ""}]
)
def test_it_is_nowhere_else(flags: dict[str, Any]) -> None:
    """Not in production, and not where others could reach it."""
    assert open_simulator(settings(**flags), SystemClock()) is None


def test_the_accounts_of_dev_can_be_used() -> None:
    """Nothing is wrong with them; they stay the same, and only a ``sessiond dev`` takes their secrets."""
    one, again = settings(), settings()
    elsewhere = check_settings(settings(dev=False))

    assert [] == [path for path, _ in find_unusable(one)]
    assert {"ussd": "nalo", "whatsapp": "whatsapp", "http": "http"} == {
        name: account.kind.name for name, account in one.gateways.items()
    }
    assert one.gateways["ussd"].own.tokens == again.gateways["ussd"].own.tokens
    assert any("gateways" in finding.path for finding in elsewhere)


def test_pages_of_each_kind_are_described() -> None:
    """What a provider of the kind sends, from the account's own settings; kinds nobody can play are left out."""
    other = settings(
        gateways__at__gateway="africastalking",
        gateways__at__tokens=["t" * 16],
        gateways__at__cumulative=False,
        gateways__at__fields={"session": "sid"},
        gateways__bot__gateway="telegram",
        gateways__bot__bot_token="1:" + "a" * 35,
        gateways__bot__secret_tokens=["b" * 32],
    )
    simulator = open_simulator(other, SystemClock())

    assert simulator is not None
    told = {name: account.told() for name, account in simulator._accounts.items()}
    assert {"ussd", "whatsapp", "http", "at"} == told.keys()
    assert "*920*44#" == told["ussd"]["own"]["service_code"]
    assert (160, 70) == (told["at"]["septets"], told["at"]["units"])
    assert ("sid", "phoneNumber") == (
        told["at"]["own"]["fields"]["session"],
        told["at"]["own"]["fields"]["phone"],
    )
    assert [False, True] == [told["at"]["own"]["cumulative"], told["whatsapp"]["answers_here"]]


def test_an_account_of_the_real_provider_is_known() -> None:
    """Its answers do not come to the page, which says so."""
    real = settings(gateways__whatsapp__api_url="https://graph.facebook.com")
    simulator = open_simulator(real, SystemClock())

    assert simulator is not None
    assert not simulator._accounts["whatsapp"].answers_here


def test_no_key_no_tokens() -> None:
    """Where tokens are only checked, none are made."""
    simulator = open_simulator(settings(auth__secret=None), SystemClock())

    assert simulator is not None
    assert simulator._issue_token is None
