"""Settings that no component owns."""

from pathlib import Path

import pytest

from sessiond.config.load import SettingsError, load_settings
from sessiond.config.settings import Settings, StoreKind, StoreSettings, store_kind
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory:", StoreKind.MEMORY),
        ("sqlite:///a.db", StoreKind.SQLITE),
        ("sqlite:////var/lib/a.db", StoreKind.SQLITE),
        ("redis://h:1/0", StoreKind.REDIS),
        ("rediss://u:p@h", StoreKind.REDIS),
    ],
)
def test_the_url_names_the_store(url: str, kind: StoreKind) -> None:
    """Each scheme stands for one store."""
    assert store_kind(url) is kind


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite:///", "x.db", "http://u:hunter2@[", "mysql://u:hunter2@h"]
)
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    """A URL may hold a password: the error does not repeat it."""
    with pytest.raises(InvalidInput) as caught:
        store_kind(url)

    assert "hunter2" not in str(caught.value)


def test_the_repr_holds_no_secret() -> None:
    """Settings end up in logs and tracebacks."""
    settings = Settings(
        store=StoreSettings(url="redis://:hunter2@h"),
        session_keys=SessionKeySettings(secret="hunter2hunter2hunter2"),
    )

    assert "hunter2" not in repr(settings)


def test_conversations_are_set_in_three_sections(tmp_path: Path) -> None:
    """In a file or the environment; the secret also as a file of its own, relative to the one that names it."""
    (tmp_path / "key").write_text(" hunter2hunter2hunter2\n")
    (tmp_path / "s.toml").write_text(
        '[session_keys]\nsecret_file = "key"\nboundaries = ["flow"]\nphone_region = "GH"\n'
        "[journal]\nkeep_texts = true\n[flow_sessions]\nttl_seconds = { ussd = 60 }\n"
    )
    settings = load_settings(
        files=[tmp_path / "s.toml"],
        environment={
            "SESSIOND_SESSION_KEYS__IDENTIFIER": "msisdn",
            "SESSIOND_JOURNAL__ENTRIES": "10",
            "SESSIOND_FLOW_SESSIONS__DEFAULT_TTL_SECONDS": "7200",
        },
    )
    keys, journal, sessions = settings.session_keys, settings.journal, settings.flow_sessions

    assert (("flow",), "msisdn", "GH") == (keys.boundaries, keys.identifier, keys.phone_region)
    assert "hunter2hunter2hunter2" == keys.secret
    assert (True, 10) == (journal.keep_texts, journal.entries)
    assert (60, 7200) == (sessions.ttl("ussd"), sessions.ttl("whatsapp"))


def test_typos_in_them_are_found_at_once(tmp_path: Path) -> None:
    """Each with its place, its source and the nearest known name."""
    (tmp_path / "s.toml").write_text(
        '[session_keys]\nboundaries = ["flwo"]\nmode = "keyd"\n[journal]\nentrys = 1\nmax_text = 0\n'
        "[flow_sessions.ttl_seconds]\nussd = 0\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(files=[tmp_path / "s.toml"])

    for words in (
        "session_keys.boundaries",
        'did you mean "flow"?',
        'did you mean "keyed"?',
        'did you mean "entries"?',
        "journal.max_text",
        "flow_sessions.ttl_seconds",
    ):
        assert words in str(caught.value)
