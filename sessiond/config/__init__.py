"""Settings: what there is to set (settings.py), where values come from (load.py), what they must satisfy together."""

from sessiond.config.checks import Finding, Severity, check_settings
from sessiond.config.describe import SettingDoc, describe_settings
from sessiond.config.load import SettingsError, SettingsProblem, load_settings
from sessiond.config.settings import Settings

__all__ = [
    "Finding",
    "SettingDoc",
    "Settings",
    "SettingsError",
    "SettingsProblem",
    "Severity",
    "check_settings",
    "describe_settings",
    "load_settings",
]
