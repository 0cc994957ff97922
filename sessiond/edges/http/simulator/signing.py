"""What a provider puts into the headers of its webhooks, so that they are believed."""

import hmac
from collections.abc import Callable, Mapping
from typing import Final

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.simulator.accounts import SimulatedAccount
from sessiond.gateways.twilio.form import read_pairs
from sessiond.gateways.twilio.signing import signature

__all__ = ["signed_headers"]

_Headers = Mapping[str, str]


def _whatsapp(account: SimulatedAccount, _url: str, body: bytes) -> _Headers:
    digest = hmac.digest(account.signing_secret.encode(), body, "sha256").hex()
    return {"x-hub-signature-256": f"sha256={digest}"}


def _telegram(account: SimulatedAccount, _url: str, _body: bytes) -> _Headers:
    return {"x-telegram-bot-api-secret-token": account.signing_secret}


def _twilio(account: SimulatedAccount, url: str, body: bytes) -> _Headers:
    pairs = read_pairs(body)
    if pairs is None:
        raise InvalidInput("the body is no form")
    return {"x-twilio-signature": signature(url, pairs, account.signing_secret)}


_SIGNERS: Final[Mapping[str, Callable[[SimulatedAccount, str, bytes], _Headers]]] = {
    "whatsapp": _whatsapp,
    "telegram": _telegram,
    "twilio": _twilio,
}


def signed_headers(account: SimulatedAccount, url: str, body: bytes) -> _Headers:
    """Give the headers with which *body* is posted to *url*, the whole address.

    Raises:
      InvalidInput: nothing of this account is signed, or *body* cannot be.

    """
    signer = _SIGNERS.get(account.kind)
    if signer is None or not account.signing_secret:
        raise InvalidInput("the webhooks of this account are not signed")
    return signer(account, url, body)
