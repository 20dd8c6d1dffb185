"""Checks that several commands' arguments share; argparse turns their complaints into one line and exit status 2."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Read a whole number above 0."""
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def natural(text: str) -> int:
    """Read a whole number, 0 or above."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def milliseconds(text: str) -> float:
    """Read a duration in milliseconds, 0 or above."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 3_600_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds between 0 and an hour")
    return number
