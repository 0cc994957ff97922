"""The simulator, where it may be: in ``sessiond dev``, on loopback; and the accounts it has when none is configured."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from sessiond.config.checks import DEV_SECRET_PREFIX, is_loopback
from sessiond.config.gateways import GatewaySettings
from sessiond.config.settings import Settings
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import account_path
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock
from sessiond.edges.auth import issue_token, signing_key
from sessiond.edges.http.simulator import SimulatedAccount, Simulator
from sessiond.edges.http.simulator.accounts import KINDS, PROVIDER_PATH
from sessiond.edges.http.simulator.door import IssueToken

__all__ = ["dev_accounts", "open_simulator"]

_TOKEN_SECONDS: Final = 24 * 3600.0

#: What the page is told of an account's own settings: nothing secret.
_TOLD: Final = (
    "service_code",
    "user_id",
    "method",
    "cumulative",
    "phone_number_id",
    "business_account_id",
    "platform",
    "sender",
    "account_sid",
    "messaging_service_sid",
)

#: By kind: the setting whose first value signs the provider's webhooks.
_SIGNED_WITH: Final = {
    "whatsapp": "app_secrets",
    "telegram": "secret_tokens",
    "twilio": "auth_tokens",
}

#: What is dialled where nobody said anything else.
_SERVICE_CODE: Final = "*920*44#"


def open_simulator(settings: Settings, clock: Clock, words: Iterable[str] = ()) -> Simulator | None:
    """Make the simulator; ``None``: this is no ``sessiond dev``, or others than this machine can reach it.

    *words* begin flows of the app.
    """
    if not settings.dev or not is_loopback(settings.listen.host):
        return None
    accounts = [_simulated(name, one) for name, one in settings.gateways.items()]
    return Simulator(accounts, issue_token=_issuer(settings, clock), words=words)


def dev_accounts(secret: str, address: str) -> Mapping[str, Mapping[str, Any]]:
    """Make the tables of ``[gateways]`` for a server at *address* that has none: one of each kind, by its name.

    Their secrets are derived from *secret*, so that they stay the same, and no ``sessiond serve`` takes them.
    """

    def made_up(purpose: str) -> str:
        return DEV_SECRET_PREFIX + hmac.digest(secret.encode(), purpose.encode(), "sha256").hex()

    def provider(name: str) -> str:
        return f"http://{address}{PROVIDER_PATH}{name}"

    def dialled(name: str) -> dict[str, Any]:
        return {"gateway": name, "tokens": [made_up(name)], "service_code": _SERVICE_CODE}

    return {
        **{name: dialled(name) for name in ("nalo", "nsano", "africastalking")},
        "http": {"gateway": "http", "tokens": [made_up("http")], "region": "GH"},
        "whatsapp": {
            "gateway": "whatsapp",
            "phone_number_id": "100000000000001",
            "access_token": made_up("access"),
            "verify_token": made_up("verify"),
            "app_secrets": [made_up("app")],
            "api_url": provider("whatsapp"),
        },
        "telegram": {
            "gateway": "telegram",
            "bot_token": f"100000001:{made_up('bot')}",
            "secret_tokens": [made_up("telegram")],
            "api_url": provider("telegram"),
        },
        "twilio": {
            "gateway": "twilio",
            "account_sid": f"AC{1:032}",
            "auth_tokens": [made_up("twilio")],
            "sender": "+15005550006",
            "status_url": f"http://{address}/gateways/twilio",
            "api_url": provider("twilio"),
        },
    }


def _issuer(settings: Settings, clock: Clock) -> IssueToken | None:
    try:
        key = signing_key(settings.auth)
    except InvalidInput:
        return None

    def issue(user: UserId) -> str:
        return issue_token(
            key, user, now=clock.now(), lifetime_seconds=_TOKEN_SECONDS, settings=settings.auth
        )

    return issue


def _simulated(name: str, account: GatewaySettings) -> SimulatedAccount:
    """Describe an account to the simulator; nobody there can play the provider of a kind that is plugged in."""
    kind, own = account.kind.name, account.own
    pages = getattr(own, "page_limits", None)
    told = {one: getattr(own, one) for one in _TOLD if hasattr(own, one)}
    fields = getattr(own, "fields", None)
    if fields is not None:
        told["fields"] = attrs.asdict(fields)
    return SimulatedAccount(
        name=name,
        kind=kind,
        path=account_path(name, account.account),
        tab=KINDS.get(kind, ""),
        septets=pages.septets if pages else None,
        units=pages.units if pages else None,
        token=_first(own, "tokens"),
        own=told if kind in KINDS else {},
        public_url=account.account.public_url,
        signing_secret=_first(own, _SIGNED_WITH.get(kind, "")),
        credential=_credential(name, account),
        answers_here=f"{PROVIDER_PATH}{name}" in getattr(own, "api_url", ""),
    )


def _credential(name: str, account: GatewaySettings) -> str:
    """Give what the calls of an account bear: each of our kinds has one."""
    if KINDS.get(account.kind.name) != "chat":
        return ""
    calls = account.open(name).calls
    assert calls is not None
    (credential,) = calls.credentials.values()
    return credential


def _first(own: object, name: str) -> str:
    values: tuple[str, ...] = getattr(own, name, ())
    return values[0] if values else ""
