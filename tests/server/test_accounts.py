"""The accounts of the settings, opened (sessiond/server/accounts.py)."""

from collections.abc import Mapping

from sessiond.config import Settings, load_settings
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.messages import ProviderRequest
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


def test_numbers_in_local_form_are_of_the_region_of_the_server() -> None:
    """Where an account has no region of its own; Nalo's numbers are of Ghana whatever the server says."""
    chosen = settings(
        **{
            "session_keys.phone_region": "KE",
            "gateways.at.gateway": "africastalking",
            "gateways.at.tokens": [TOKEN],
            "gateways.ours.gateway": "http",
            "gateways.ours.tokens": [TOKEN],
            "gateways.theirs.gateway": "http",
            "gateways.theirs.tokens": [TOKEN],
            "gateways.theirs.region": "NG",
        }
    )
    accounts = open_accounts(chosen)
    dialled = b"sessionId=s&phoneNumber=%s&text=&MSISDN=%s&SESSIONID=s&USERDATA=&MSGTYPE=true"
    told = b"session_id=s&user_id=u&input=hi&msisdn=%s"

    assert "+254712345678" == number(accounts, "at", dialled % (b"0712345678", b""))
    assert "+233244123456" == number(accounts, "line", dialled % (b"", b"0244123456"))
    assert "+254712345678" == number(accounts, "ours", told % b"0712345678")
    assert "+2348031234567" == number(accounts, "theirs", told % b"08031234567")


def number(accounts: Mapping[str, Account], name: str, form: bytes) -> str:
    """Read a form as the account does; gives who calls."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = accounts[name].path
    request = ProviderRequest(
        method="POST", url=f"https://chat.example.com{path}", path=path, headers=headers, body=form
    )
    (heard,) = accounts[name].gateway.read(request)
    assert isinstance(heard, Heard)
    return heard.facts.msisdn


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
