"""The accounts of the settings, opened (sessiond/server/accounts.py)."""

from sessiond.config import Settings, load_settings
from sessiond.gateways.nalo import Nalo
from sessiond.gateways.whatsapp import WhatsApp
from sessiond.server.accounts import hidden_paths, larger_bodies, open_accounts

TOKEN = "0123456789abcdef"
ACCOUNTS: dict[str, object] = {
    "gateways.line.gateway": "nalo",
    "gateways.line.tokens": [TOKEN],
    "gateways.shop.gateway": "whatsapp",
    "gateways.shop.path": "/in/shop",
    "gateways.shop.phone_number_id": "1",
    "gateways.shop.access_token": "t",
    "gateways.shop.verify_token": "v",
    "gateways.shop.app_secrets": ["s"],
}


def settings(**flags: object) -> Settings:
    return load_settings(flags=ACCOUNTS | flags)


def test_every_account_is_opened_under_its_name() -> None:
    """With what it was configured with."""
    accounts = open_accounts(settings())

    assert ["line", "shop"] == list(accounts)
    assert ["/gateways/line", "/in/shop"] == [one.path for one in accounts.values()]
    assert isinstance(accounts["line"].answers, Nalo)
    assert isinstance(accounts["shop"].calls, WhatsApp)
    assert accounts["line"].calls is None
    assert accounts["shop"].answers is None
    assert {} == open_accounts(Settings())


def test_more_is_read_where_the_provider_gathers_messages() -> None:
    """Meta's 3 MB come in at that path alone; a bound that is higher anyway stays."""
    chosen = settings()
    higher = settings(**{"http.body_bytes": 8 * 1024 * 1024})

    assert {"/in/shop": 4 * 1024 * 1024} == larger_bodies(chosen, open_accounts(chosen))
    assert {} == larger_bodies(higher, open_accounts(higher))


def test_a_path_of_its_own_may_be_a_secret() -> None:
    """Also one that looks like all others."""
    chosen = settings(**{"gateways.line.path": "/gateways/line"})

    assert {"/in/shop": "shop"} == hidden_paths(settings())
    assert {"/in/shop": "shop", "/gateways/line": "line"} == hidden_paths(chosen)
    assert {} == hidden_paths(Settings())
