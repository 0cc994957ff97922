"""What components would refuse is found before they are built."""

import base64
from pathlib import Path

import pytest

from sessiond.config import load_settings
from sessiond.server.unusable import find_unusable

HOOK_SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
SEAL_KEY = "k1:" + base64.b64encode(bytes(32)).decode()


def unusable(**flags: object) -> dict[str, str]:
    given = {path.replace("__", "."): value for path, value in flags.items()}
    return dict(find_unusable(load_settings(flags=given)))


def test_what_can_be_used_is_not_named() -> None:
    """Good values, and settings that say nothing, have no findings."""
    assert unusable() == {}
    assert {} == unusable(
        auth__secret="s" * 32,
        auth__jwks_url="https://login.example.com/jwks.json",
        webhook__secrets=[HOOK_SECRET],
        webhook__hook_secrets={"billing": [HOOK_SECRET]},
        webhook__allowed_networks=["10.0.0.0/8", "::1"],
        webhook__rate_per_second=5.0,
        store__encryption_keys=[SEAL_KEY],
        session_keys__secret="s" * 16,
    )


@pytest.mark.parametrize(
    ("flags", "path"),
    [
        ({"auth__secret": "hunter2"}, "auth.secret"),
        ({"auth__key_file": __file__}, "auth.key_file"),
        ({"auth__jwks_file": __file__}, "auth.jwks_file"),
        ({"auth__jwks_url": "http://example.com/jwks.json"}, "auth.jwks_url"),
        ({"webhook__secrets": [HOOK_SECRET, "hunter2"]}, "webhook.secrets[1]"),
        (
            {"webhook__hook_secrets": {"billing": ["whsec_hunter2"]}},
            "webhook.hook_secrets.billing[0]",
        ),
        ({"webhook__allowed_networks": ["10.0.0.1/8"]}, "webhook.allowed_networks[0]"),
        ({"webhook__rate_per_second": 0.0}, "webhook.rate_per_second"),
        ({"store__encryption_keys": [SEAL_KEY, "k2:hunter2"]}, "store.encryption_keys[1]"),
        ({"store__encryption_keys": ["k2:aHVudGVyMg=="]}, "store.encryption_keys[0]"),
        ({"session_keys__secret": "hunter2"}, "session_keys.secret"),
    ],
)
def test_what_is_refused_is_named_without_being_shown(flags: dict[str, object], path: str) -> None:
    """Each has its path and a reason, and no reason holds the secret."""
    found = unusable(**flags)

    assert set(found) == {path}
    assert "hunter2" not in found[path]
    assert "aHVudGVyMg" not in found[path]


def test_all_of_them_at_once() -> None:
    """One that cannot be used does not hide the others."""
    found = unusable(auth__secret="short", webhook__secrets=["x"], store__encryption_keys=["y"])

    assert set(found) == {"auth.secret", "webhook.secrets[0]", "store.encryption_keys[0]"}


def test_a_file_that_is_missing_is_left_to_others(tmp_path: Path) -> None:
    """It is said once, by the checks of the settings."""
    assert unusable(auth__key_file=str(tmp_path / "no.pem")) == {}
