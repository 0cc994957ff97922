"""What is configured of a sender (sessiond/gateways/twilio/settings.py)."""

from pathlib import Path
from typing import Any

import pytest

from sessiond.config.load import load_settings
from sessiond.core.errors import InvalidInput
from tests.gateways.twilio.webhooks import ACCOUNT, KEY, OURS, SERVICE, TOKEN, settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_sid": ""},
        {"account_sid": "AChush"},
        {"account_sid": f"{ACCOUNT}/../hush"},
        {"account_sid": KEY},
        {"auth_tokens": ()},
        {"auth_tokens": ("",)},
        {"auth_tokens": ("hush",)},
        {"auth_tokens": ("hush" * 4, "")},
        {"auth_tokens": ("hush hush hush hush hush",)},
        {"auth_tokens": ("hüsh" * 8,)},
        {"auth_tokens": ("hush" * 8 + "\n",)},
        {"platform": "hush"},
        {"platform": ""},
        {"sender": ""},
        {"sender": "hush-hush"},
        {"sender": "whatsapp:+14155238886"},
        {"sender": "+0hush"},
        {"platform": "whatsapp", "sender": "hush"},
        {"platform": "whatsapp", "sender": "12345"},
        {"messaging_service_sid": "MGhush"},
        {"api_key_sid": KEY},
        {"api_key_sid": KEY, "api_key_secret": "hush"},
        {"api_key_sid": "SKhush", "api_key_secret": "hush" * 8},
        {"api_key_secret": "hush" * 8},
        {"status_url": "hush"},
        {"status_url": "ftp://hush.example"},
        {"status_url": "https://hush_hush.example/x"},
        {"status_url": "https://user:hush@a.example/x"},
        {"status_url": "https://a.example/x#hush"},
        {"api_url": "ftp://hush.example"},
        {"api_url": "https://hush.example/"},
        {"api_url": "https://{basic}"},
        {"api_url": "https://user:hush@a.example"},
        {"max_segments": 0},
        {"max_segments": 11},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    """An empty or short token or secret above all: nothing is ever left unchecked. The value is not repeated."""
    with pytest.raises(InvalidInput, match=r"^twilio: ") as caught:
        settings(**wrong)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("sender", ["+14155238886", "40404", "Accra Shop", "SHOP1"])
def test_senders_of_sms(sender: str) -> None:
    """A number, a short code, a name."""
    assert sender == settings(sender=sender).sender


def test_a_service_needs_no_sender() -> None:
    """Twilio chooses one."""
    assert SERVICE == settings(sender="", messaging_service_sid=SERVICE).messaging_service_sid


def test_several_tokens_may_be_active() -> None:
    """While one is being replaced."""
    both = ("new" * 8, "old" * 8)

    assert both == settings(auth_tokens=both).auth_tokens


def test_it_is_set_in_a_file(tmp_path: Path) -> None:
    """Each setting is checked where it stands, and the secrets are not shown."""
    file = tmp_path / "sessiond.toml"
    file.write_text(
        f"""
        [session_keys]
        secret = "{"s" * 24}"
        [gateways.shop]
        gateway = "twilio"
        platform = "whatsapp"
        account_sid = "{ACCOUNT}"
        auth_tokens = ["{TOKEN}"]
        sender = "{OURS}"
        """
    )
    found = load_settings(files=[file], environment={}).gateways["shop"]

    assert "whatsapp" == found.open("shop").gateway.platform
    assert TOKEN not in repr(found)
