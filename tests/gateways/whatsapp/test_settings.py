"""What is configured of a number (sessiond/gateways/whatsapp/settings.py)."""

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from tests.gateways.whatsapp.webhooks import settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"app_secrets": ()},
        {"app_secrets": ("",)},
        {"app_secrets": ("hush", "")},
        {"app_secrets": ("hush hush",)},
        {"verify_token": ""},
        {"verify_token": " "},
        {"access_token": ""},
        {"access_token": "hush\r\nx: y"},
        {"access_token": "hüsh"},
        {"phone_number_id": ""},
        {"phone_number_id": "+15550783881"},
        {"phone_number_id": "../hush"},
        {"business_account_id": "hush"},
        {"api_url": "ftp://hush.example"},
        {"api_url": "https://hush.example/?a=b"},
        {"api_url": "https://hush.example/"},
        {"api_url": "https://{access_token}"},
        {"api_url": "https://user:hush@a.example"},
        {"api_version": "23"},
        {"api_version": "v23.0/hush"},
        {"max_age_seconds": 0},
        {"max_age_seconds": -1.0},
        {"max_ahead_seconds": float("nan")},
        {"list_button": ""},
        {"list_button": "x" * 21},
        {"list_title": " "},
        {"list_title": "x" * 25},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    """An empty token or secret above all: nothing is ever left unchecked. The value is not repeated."""
    with pytest.raises(InvalidInput, match=r"^whatsapp: ") as caught:
        settings(**wrong)
    assert "hush" not in str(caught.value)


def test_limits_on_age_are_off() -> None:
    """Fault 21: dropping what is old lost messages."""
    assert settings().max_age_seconds is None
    assert settings().max_ahead_seconds is None


def test_several_secrets_may_be_active() -> None:
    """While one is being replaced."""
    assert ("new", "old") == settings(app_secrets=("new", "old")).app_secrets
