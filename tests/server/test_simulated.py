"""Where the simulator may be, and what it knows of accounts (sessiond/server/simulated.py)."""

import base64
from typing import Any

import pytest
from attrs import evolve

from sessiond.config import check_settings, load_settings
from sessiond.config.gateway_kinds import BUILT_IN
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
    assert {name: name for name in BUILT_IN} == {
        name: account.kind.name for name, account in one.gateways.items()
    }
    assert one.gateways["nalo"].own.tokens == again.gateways["nalo"].own.tokens
    assert any("gateways" in finding.path for finding in elsewhere)


def test_pages_of_each_kind_are_described() -> None:
    """What a provider of the kind sends, from the account's own settings."""
    other = settings(
        gateways__at__gateway="africastalking",
        gateways__at__tokens=["t" * 16],
        gateways__at__cumulative=False,
        gateways__at__fields={"session": "sid"},
    )
    simulator = open_simulator(other, SystemClock())

    assert simulator is not None
    told = {name: account.told() for name, account in simulator._accounts.items()}
    assert {*BUILT_IN, "at"} == told.keys()
    assert "*920*44#" == told["nalo"]["own"]["service_code"]
    assert (160, 70) == (told["at"]["septets"], told["at"]["units"])
    assert ("sid", "phoneNumber") == (
        told["at"]["own"]["fields"]["session"],
        told["at"]["own"]["fields"]["phone"],
    )
    assert not told["at"]["own"]["cumulative"]
    assert all(told[name]["answers_here"] for name in ("whatsapp", "telegram", "twilio"))
    assert ("sms", "+15005550006") == (
        told["twilio"]["own"]["platform"],
        told["twilio"]["own"]["sender"],
    )


def test_what_each_provider_signs_and_is_called_with() -> None:
    """As the account's gateway checks it, and as its calls bear it; none of it is in what the page is told."""
    made = settings(gateways__whatsapp__public_url="https://chat.example.com")
    simulator = open_simulator(made, SystemClock())

    assert simulator is not None
    accounts = simulator._accounts
    own = {name: account.own for name, account in made.gateways.items()}
    assert own["whatsapp"].access_token == accounts["whatsapp"].credential
    assert own["telegram"].bot_token == accounts["telegram"].credential
    basic = base64.b64decode(accounts["twilio"].credential).decode()
    assert f"{own['twilio'].account_sid}:{own['twilio'].auth_tokens[0]}" == basic
    for name, setting in {
        "whatsapp": "app_secrets",
        "telegram": "secret_tokens",
        "twilio": "auth_tokens",
    }.items():
        assert getattr(own[name], setting)[0] == accounts[name].signing_secret
        assert "dev-only" not in str(accounts[name].told())
    assert "https://chat.example.com" == accounts["whatsapp"].public_url
    assert ("", "") == (accounts["nalo"].signing_secret, accounts["nalo"].credential)


def test_a_kind_that_is_plugged_in_is_listed() -> None:
    """Nobody can play its provider, and nothing of its own settings is told."""
    plugged = evolve(settings().gateways["whatsapp"].kind, name="ours")
    made = settings()
    account = evolve(made.gateways["whatsapp"], kind=plugged)
    simulator = open_simulator(evolve(made, gateways={"shop": account}), SystemClock())

    assert simulator is not None
    told = simulator._accounts["shop"].told()
    assert ("ours", "", {}) == (told["kind"], told["tab"], told["own"])


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
