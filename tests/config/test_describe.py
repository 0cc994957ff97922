"""The list of settings is complete and explains each of them."""

import pytest

from sessiond.config.describe import SettingDoc, describe_settings
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
