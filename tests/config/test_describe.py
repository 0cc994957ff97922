"""The list of settings is complete and explains each of them."""

import pytest

from sessiond.config.describe import (
    SettingDoc,
    describe_accounts,
    describe_kind,
    describe_settings,
)
from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.config.load import load_settings


@pytest.mark.parametrize("setting", describe_settings(), ids=lambda setting: setting.path)
def test_every_setting_is_documented(setting: SettingDoc) -> None:
    """Each has a docstring, a readable type and, when it is a number, bounds."""
    assert setting.doc.endswith("."), "a docstring under the field, ending in a full stop"
    assert "<" not in setting.type
    if setting.type in {"number", "whole number"} and setting.default:
        assert setting.bounds


def test_defaults_can_be_given_through_the_environment() -> None:
    """What the documentation shows as a default is accepted as a value, and changes nothing."""
    texts = {
        setting.environment: setting.default.strip('"')
        for setting in describe_settings()
        if setting.default and setting.default[0] not in "[{"
    }

    assert load_settings(environment=texts) == load_settings()


def test_units_bounds_and_secrets_are_told() -> None:
    """A row says what a reader needs to set it."""
    rows = {setting.path: setting for setting in describe_settings()}

    assert rows["listen.port"].bounds == ">= 0, <= 65535"
    assert rows["listen.port"].environment == "SESSIOND_LISTEN__PORT"
    assert rows["session.window_seconds"].unit == "seconds"
    assert rows["store.durability"].type == "primary | fsync | replica"
    assert rows["auth.secret"].secret
    assert rows["auth.secret"].default == ""
    assert rows["session_keys.secret"].secret
    assert rows["journal.entries"].bounds == ">= 1, <= 100000"
    assert rows["flow_sessions.ttl_seconds"].default == "{ ussd = 3600, whatsapp = 604800 }"
    assert "dev" not in rows


OF_ACCOUNTS = (
    *describe_accounts(),
    *(setting for kind in BUILT_IN.values() for setting in describe_kind(kind)),
)


def test_every_setting_of_an_account_is_documented() -> None:
    """Those of every account, and those of each kind of ours; what sounds like a secret is one."""
    words = ("secret", "secrets", "token", "tokens")

    assert [] == [setting.path for setting in OF_ACCOUNTS if not setting.doc.endswith(".")]
    assert [] == [setting.path for setting in OF_ACCOUNTS if "<" in setting.type]
    named = [setting for setting in OF_ACCOUNTS if setting.path.endswith(words)]
    assert named
    assert [] == [setting.path for setting in named if not setting.secret]


def test_tables_inside_an_account_are_told_setting_by_setting() -> None:
    """With what is required of them; numbers have bounds where they are said to have them."""
    rows = {setting.path: setting for setting in OF_ACCOUNTS}

    assert rows["gateways.<account>.gateway"].required
    assert not rows["gateways.<account>.path"].required
    assert rows["gateways.<account>.path"].secret
    assert rows["gateways.<account>.app_secrets"].required
    assert rows["gateways.<account>.fallback_template.name"].required
    assert rows["gateways.<account>.fallback_template.parameters"].type == "table"
    assert rows["gateways.<account>.fields.session"].default == '"sessionId"'
    assert rows["gateways.<account>.resume_seconds"].bounds == ">= 0, <= 2592000"
    assert rows["gateways.<account>.max_age_seconds"].bounds == ""
    assert rows["gateways.<account>.tokens"].environment == "SESSIOND_GATEWAYS__<ACCOUNT>__TOKENS"
    assert "gateways" not in {setting.path for setting in describe_settings()}
