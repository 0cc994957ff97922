"""Credentials are filled in where calls name them, and nowhere else."""

from sessiond.core.gateways.credentials import with_credentials
from sessiond.core.gateways.messages import ProviderCall

CALL = ProviderCall(
    url="https://api.example.com/bot{bot_token}/send?to={to}",
    body=b'{"text":"{bot_token}"}',
    headers={"authorization": "Bearer {access_token}", "x-plain": "as it is"},
)
SECRETS = {"bot_token": "1:{access_token}", "access_token": "t0p"}


def test_names_in_url_and_headers_are_replaced() -> None:
    """A name that is no credential stays, and so does one inside a credential: it is no place for another."""
    filled = with_credentials(CALL, SECRETS)

    assert filled.url == "https://api.example.com/bot1:{access_token}/send?to={to}"
    assert filled.headers == {"authorization": "Bearer t0p", "x-plain": "as it is"}


def test_the_body_is_sent_as_it_is() -> None:
    """What a person or an app wrote never becomes a secret."""
    assert with_credentials(CALL, SECRETS).body == CALL.body


def test_what_is_filled_in_is_not_shown() -> None:
    """Neither address, headers nor body are in the repr."""
    assert "t0p" not in repr(with_credentials(CALL, SECRETS))
    assert "1:" not in repr(with_credentials(CALL, SECRETS))
