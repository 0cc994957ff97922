"""What is configured of a bot (sessiond/gateways/telegram/settings.py)."""

from pathlib import Path
from typing import Any

import pytest

from sessiond.config.load import load_settings
from sessiond.core.errors import InvalidInput
from tests.gateways.telegram.updates import SECRET, TOKEN, settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"bot_token": ""},
        {"bot_token": "hush"},
        {"bot_token": "123456:"},
        {"bot_token": "123456:hush"},
        {"bot_token": "123456:hush/../hush-hush-hush"},
        {"bot_token": "{bot_token}"},
        {"secret_tokens": ()},
        {"secret_tokens": ("",)},
        {"secret_tokens": ("hush",)},
        {"secret_tokens": ("hush-hush-hush-hush", "")},
        {"secret_tokens": ("hush hush hush hush hush",)},
        {"secret_tokens": ("hüsh-hush-hush-hush",)},
        {"secret_tokens": ("hush" * 65,)},
        {"api_url": "ftp://hush.example"},
        {"api_url": "https://hush.example/?a=b"},
        {"api_url": "https://hush.example/"},
        {"api_url": "https://{bot_token}"},
        {"api_url": "https://user:hush@a.example"},
        {"max_age_seconds": 0},
        {"max_age_seconds": float("nan")},
        {"max_ahead_seconds": -1.0},
        {"choose": ""},
        {"share_location": " "},
        {"share_contact": "x" * 65},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    """An empty or short token or secret above all: nothing is ever left unchecked. The value is not repeated."""
    with pytest.raises(InvalidInput, match=r"^telegram: ") as caught:
        settings(**wrong)
    assert "hush" not in str(caught.value)


def test_limits_on_age_are_off() -> None:
    """What is sent again after an outage is old, and is not lost."""
    assert settings().max_age_seconds is None
    assert settings().max_ahead_seconds is None


def test_a_server_of_ones_own() -> None:
    """The Bot API server can be run by anybody, also below a path."""
    assert "http://127.0.0.1:8081/api" == settings(api_url="http://127.0.0.1:8081/api").api_url


def test_it_is_set_in_a_file(tmp_path: Path) -> None:
    """Each setting is checked where it stands, and the secrets are not shown."""
    file = tmp_path / "sessiond.toml"
    file.write_text(
        f"""
        [session_keys]
        secret = "{"s" * 24}"
        [gateways.bot]
        gateway = "telegram"
        bot_token = "{TOKEN}"
        secret_tokens = ["{SECRET}"]
        max_age_seconds = 60.0
        """
    )
    found = load_settings(files=[file], environment={}).gateways["bot"]

    assert "telegram" == found.open("bot").gateway.platform
    assert TOKEN not in repr(found)
    assert SECRET not in repr(found)
