"""The copy trader's configuration: a TOML file, read into typed settings, or told all of its mistakes at once.

from krakenonce.copytrader.config import load_settings

settings = load_settings("copy.toml")
"""

from krakenonce.copytrader.config.assembly import load_settings, parse_settings
from krakenonce.copytrader.config.problems import BadConfig, Problem
from krakenonce.copytrader.config.settings import AccountSettings, CopySettings, RunMode, UserSettings, Webhook

__all__ = [
    "AccountSettings", "BadConfig", "CopySettings", "Problem", "RunMode", "UserSettings", "Webhook", "load_settings",
    "parse_settings",
]  # fmt: skip
