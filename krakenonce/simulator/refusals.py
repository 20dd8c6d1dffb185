"""What the exchange answers instead of a result: the error strings as they are seen on the wire."""

from __future__ import annotations

from krakenonce.errors import KrakenonceError


class Refusal(KrakenonceError):
    """The exchange refuses the request. Nothing has changed, unless a docstring on the way says otherwise.

    Parameters:
        error: the string on the wire, such as ``EAPI:Invalid nonce``.
        status: the HTTP status; 200 for everything the API itself answers.
    """

    def __init__(self, error: str, status: int = 200) -> None:
        self.error, self.status = error, status
        super().__init__(error)


def invalid_arguments(field: str = "") -> Refusal:
    """Return the refusal of a missing or malformed field."""
    return Refusal(f"EGeneral:Invalid arguments:{field}" if field else "EGeneral:Invalid arguments")


def unknown_method() -> Refusal:
    """Return the one refusal that does not come with HTTP 200."""
    return Refusal("EGeneral:Unknown method", status=404)
