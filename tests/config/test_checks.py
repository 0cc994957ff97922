"""What settings must satisfy together."""

import re
from pathlib import Path

import pytest

from sessiond.config.checks import (
    DEV_HOOK_PREFIX,
    DEV_SECRET_PREFIX,
    Severity,
    check_settings,
    is_loopback,
)
from sessiond.config.load import load_settings

GOOD: dict[str, object] = {
    "auth.secret": "s" * 32,
    "webhook.secrets": ["whsec_x"],
    "admin.socket": "/tmp/a.sock",
}
CHAT: dict[str, object] = {"session_keys__secret": "s" * 16, "chat__tokens": ["t" * 16]}


TOKEN = "0123456789abcdef"
GATEWAYS: dict[str, object] = {
    "session_keys__secret": "s" * 16,
    "gateways__line__gateway": "nalo",
    "gateways__line__tokens": [TOKEN],
}


def findings(**flags: object) -> set[tuple[Severity, str]]:
    given = GOOD | {path.replace("__", "."): value for path, value in flags.items()}
    return {(found.severity, found.path) for found in check_settings(load_settings(flags=given))}


def test_good_settings_have_no_findings() -> None:
    """Nothing is complained about that is as it should be."""
    assert findings() == set()
    assert findings(**CHAT) == set()
    assert findings(**GATEWAYS) == set()


@pytest.mark.parametrize(
    ("flags", "path"),
    [
        ({"dev": True, "listen__host": "0.0.0.0"}, "listen.host"),
        ({"auth__secret": DEV_SECRET_PREFIX + "x" * 32}, "auth.secret"),
        ({"webhook__secrets": [DEV_HOOK_PREFIX + "eHh4"]}, "webhook.secrets"),
        ({"session_keys__secret": DEV_SECRET_PREFIX + "x" * 32}, "session_keys.secret"),
        ({"listen__tls_key": __file__}, "listen.tls_key"),
        ({"listen__tls_certificate": "/nowhere.pem"}, "listen.tls_certificate"),
        ({"auth__key_file": "/nowhere.pem"}, "auth.key_file"),
        ({"admin__socket": "/tmp/" + "x" * 110}, "admin.socket"),
        ({"admin__socket": "/nowhere/a.sock"}, "admin.socket"),
        ({"store__cluster": True}, "store.cluster"),
        ({"chat__tokens": ["t" * 16]}, "session_keys.secret"),
        (CHAT | {"chat__open": True}, "chat.open"),
        (CHAT | {"chat__path": "/readyz"}, "chat.path"),
        (CHAT | {"chat__path": "/hooks/json/ama"}, "chat.path"),
        (CHAT | {"chat__tokens": [DEV_SECRET_PREFIX + "x" * 32]}, "chat.tokens"),
        ({"transport__soft_bytes": 2**24}, "transport.soft_bytes"),
    ],
)
def test_what_keeps_a_server_from_starting(flags: dict[str, object], path: str) -> None:
    """Each contradiction is one error at the setting to change."""
    assert findings(**flags) == {(Severity.ERROR, path)}


@pytest.mark.parametrize(
    ("flags", "paths"),
    [
        ({"listen__host": "0.0.0.0"}, {"listen.tls_certificate", "listen.origins"}),
        ({"listen__origins": ["*"]}, {"listen.origins"}),
        ({"auth__secret": None}, {"auth"}),
        ({"webhook__secrets": []}, {"webhook.secrets"}),
        ({"webhook__max_body_bytes": 2**24}, {"webhook.max_body_bytes"}),
        ({"store__url": "memory:"}, {"store.url"}),
        ({"session_keys__secret": "s" * 16, "chat__open": True}, {"chat.open"}),
        (CHAT | {"chat__max_body_bytes": 2**24}, {"chat.max_body_bytes"}),
    ],
)
def test_what_is_unwise(flags: dict[str, object], paths: set[str]) -> None:
    """A warning does not keep the server from starting."""
    assert findings(**flags) == {(Severity.WARNING, path) for path in paths}


def test_errors_come_first() -> None:
    """Who reads the first line reads what matters most."""
    found = check_settings(
        load_settings(flags=GOOD | {"store.url": "memory:", "store.cluster": True})
    )

    assert [one.severity for one in found] == [Severity.ERROR, Severity.WARNING]
    assert found[0].describe() == "error: store.cluster: only Redis has clusters"


def test_examples_of_the_documentation_are_no_secrets() -> None:
    """Whoever has read the page knows them; a server starts with them all the same."""
    assert findings(
        **GATEWAYS
        | {
            "session_keys__secret": "what openssl rand -base64 32 prints",
            "gateways__line__tokens": [TOKEN, "a-long-random-text-for-nalo"],
        }
    ) == {
        (Severity.WARNING, "session_keys.secret"),
        (Severity.WARNING, "gateways.line.tokens"),
    }


def test_every_secret_of_the_page_about_gateways_is_an_example() -> None:
    """With one of these a stranger speaks for the provider."""
    page = (Path(__file__).parents[2] / "docs" / "howto" / "gateways.md").read_text()
    names = "app_secrets|auth_tokens|secret_tokens|tokens|verify_token"
    lines = re.findall(rf"^(?:{names}) = .*$", page, re.MULTILINE)
    secrets = [text for line in lines for text in re.findall(r'"([^"]+)"', line)]

    assert len(secrets) >= 8
    for secret in secrets:
        shop = {
            "gateway": "whatsapp",
            "phone_number_id": "1",
            "access_token": TOKEN,
            "verify_token": TOKEN,
            "app_secrets": [secret],
        }
        given = {f"gateways__shop__{name}": value for name, value in shop.items()}
        assert (Severity.WARNING, "gateways.shop.app_secrets") in findings(**GATEWAYS | given)


def test_development_secrets_are_fine_in_development(tmp_path: Path) -> None:
    """The secret that sessiond dev makes works there."""
    assert (
        findings(dev=True, auth__secret=DEV_SECRET_PREFIX + "x" * 32, store__url="memory:") == set()
    )
    assert findings(dev=True, session_keys__secret="s" * 16, chat__open=True) == set()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Only addresses that surely stay on this machine count."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("flags", "severity", "path"),
    [
        ({"session_keys__secret": ""}, Severity.ERROR, "session_keys.secret"),
        ({"gateways__line__path": "/healthz"}, Severity.ERROR, "gateways.line.path"),
        ({"gateways__line__path": "/hooks/json/me"}, Severity.ERROR, "gateways.line.path"),
        ({"gateways__line__path": "/socket/websocket"}, Severity.ERROR, "gateways.line.path"),
        ({"gateways__line__path": "/openapi.json"}, Severity.ERROR, "gateways.line.path"),
        (
            {"chat__tokens": ["t" * 16], "gateways__line__path": "/chat"},
            Severity.ERROR,
            "gateways.line.path",
        ),
        (
            {
                "gateways__other__gateway": "http",
                "gateways__other__tokens": [TOKEN],
                "gateways__other__path": "/gateways/line",
            },
            Severity.ERROR,
            "gateways.other.path",
        ),
        ({"gateways__line__open": True}, Severity.ERROR, "gateways.line.open"),
        (
            {"gateways__line__open": True, "gateways__line__tokens": []},
            Severity.WARNING,
            "gateways.line.open",
        ),
        (
            {"gateways__line__tokens": [DEV_SECRET_PREFIX + "0" * 16]},
            Severity.ERROR,
            "gateways.line.tokens",
        ),
        ({"gateways__line__wait_text": "w" * 121}, Severity.ERROR, "gateways.line.wait_text"),
        ({"gateways__line__failed_text": "ç" * 53}, Severity.ERROR, "gateways.line.failed_text"),
        (
            {"gateways__line__fallback_template": {"name": "news", "language": "en"}},
            Severity.ERROR,
            "gateways.line.fallback_template",
        ),
        (
            {
                "gateways__sms__gateway": "twilio",
                "gateways__sms__account_sid": "AC" + "0" * 32,
                "gateways__sms__auth_tokens": [TOKEN],
                "gateways__sms__sender": "+12025550123",
                "gateways__sms__fallback_template": {"name": "news", "language": "en"},
            },
            Severity.ERROR,
            "gateways.sms.fallback_template",
        ),
    ],
)
def test_accounts_that_cannot_be_served_as_they_are(
    flags: dict[str, object], severity: Severity, path: str
) -> None:
    """Nobody's path is taken, nobody speaks for everybody by mistake, no secret is one of development."""
    assert findings(**GATEWAYS | flags) == {(severity, path)}


BOT = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
OF_KINDS: dict[str, dict[str, object]] = {
    "whatsapp": {
        "phone_number_id": "100000000000001",
        "access_token": "t",
        "verify_token": "v",
        "app_secrets": ["s"],
    },
    "telegram": {"bot_token": BOT, "secret_tokens": [TOKEN]},
    "twilio": {
        "account_sid": "AC" + "0" * 32,
        "auth_tokens": [TOKEN],
        "sender": "+12025550123",
    },
}


@pytest.mark.parametrize(
    ("kind", "key", "other"),
    [
        ("whatsapp", "phone_number_id", "100000000000002"),
        ("telegram", "bot_token", BOT.replace("123456:", "654321:")),
        ("twilio", "sender", "+12025550124"),
    ],
)
def test_two_accounts_are_not_one_at_the_provider(kind: str, key: str, other: str) -> None:
    """A table was copied and half changed: its messages would go out by the other's number."""
    own = OF_KINDS[kind]
    first = {f"gateways__a__{name}": value for name, value in own.items()}
    second = {f"gateways__b__{name}": value for name, value in own.items()}
    both = first | second | {"gateways__a__gateway": kind, "gateways__b__gateway": kind}

    assert findings(**GATEWAYS | both) == {(Severity.WARNING, f"gateways.b.{key}")}
    assert findings(**GATEWAYS | both | {f"gateways__b__{key}": other}) == set()


def test_paths_of_accounts_are_not_repeated() -> None:
    """They may be secret: nobody else knows them."""
    hidden = "/in/hidden"
    given = GATEWAYS | {
        "gateways__line__path": hidden,
        "gateways__other__gateway": "http",
        "gateways__other__tokens": [TOKEN],
        "gateways__other__path": hidden,
    }
    flags = GOOD | {path.replace("__", "."): value for path, value in given.items()}
    (found,) = check_settings(load_settings(flags=flags))

    assert "is the path of gateways.line as well" in found.message
    assert "hidden" not in found.describe()


def test_an_open_account_within_networks_is_no_finding() -> None:
    """Only its provider reaches it; and in development nobody else does."""
    is_open = {"gateways__line__open": True, "gateways__line__tokens": []}

    assert findings(**GATEWAYS | is_open, gateways__line__networks=["10.0.0.0/8"]) == set()
    assert findings(**GATEWAYS | is_open, dev=True) == set()


def test_a_path_of_chat_that_is_off_is_free() -> None:
    """There is no such door."""
    assert findings(**GATEWAYS, gateways__line__path="/chat") == set()
