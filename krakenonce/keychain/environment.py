"""Credentials in environment variables: for containers and services whose supervisor provides them."""

from __future__ import annotations

import os

from krakenonce.errors import ConfigError
from krakenonce.kraken.credentials import Credentials


def load(name: str) -> Credentials:
    """Return the credentials in the variables ``<name>_KEY`` and ``<name>_SECRET``.

    Raises:
        ConfigError: one is missing or malformed.
    """
    return Credentials(_variable(f"{name}_KEY"), _variable(f"{name}_SECRET"))


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigError(
            name, "an environment variable that is not set, or empty", "Set it where this program is started."
        )
    return value
