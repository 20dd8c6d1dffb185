"""Where the vault's passphrase comes from: a variable, a file, or whoever sits at the terminal. Never from argv."""

from __future__ import annotations

import getpass
import os
import sys

from krakenonce.errors import ConfigError

VARIABLE = "KRAKENONCE_PASSPHRASE"


def ask_passphrase(prompt: str = "Passphrase of the vault: ") -> str:
    """Return the passphrase in the environment's ``KRAKENONCE_PASSPHRASE``, or ask for it without echo.

    Raises:
        ConfigError: there is neither the variable nor a terminal.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return given
    if not sys.stdin.isatty():
        mend = f"Set {VARIABLE}, or start the program at a terminal to be asked."
        raise ConfigError("passphrase", "none, and nobody to ask", mend)
    return getpass.getpass(prompt)


def ask_new_passphrase() -> str:
    """As `ask_passphrase`, for a new vault: at a terminal it is asked for twice.

    Raises:
        ConfigError: there is neither the variable nor a terminal, or the two differ.
    """
    first = ask_passphrase("Passphrase of the new vault: ")
    if not os.environ.get(VARIABLE) and getpass.getpass("The same again: ") != first:
        raise ConfigError("passphrase", "two that differ", "Try again.")
    return first
