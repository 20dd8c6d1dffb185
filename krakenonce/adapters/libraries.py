"""What krakenonce must know about a client library to install itself into its clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from krakenonce.adapters.installation import Installation

Hooks = Mapping[str, Callable[..., Any]]


class Library(Protocol):
    """One supported library. Satisfied by the modules of this package that are named after libraries.

    None of them imports its library: a client is known by the names of its classes.
    """

    SUPPORTED: str
    """The classes whose instances are supported, as a person would name them."""

    def find(self, client: Any) -> Any | None:
        """Return the object to put the hooks into if *client* is one of the library's, else None."""

    def key(self, client: Any) -> str:
        """Return the API key the client signs with; empty if it has none, or no private key."""

    def base_url(self, client: Any) -> str:
        """Return scheme and host that the client's private calls go to."""

    def hooks(self, client: Any, installation: Installation) -> Hooks:
        """Return the instance attributes that bring the client's private calls into their turns."""


def has_class(client: Any, *names: str) -> bool:
    """Return True if one of *names* (``module.Class``) is the class of *client* or one that it inherits from."""
    return any(f"{cls.__module__}.{cls.__qualname__}" in names for cls in type(client).__mro__)


def key_if_complete(key: Any, secret: Any) -> str:
    """Return *key* if both it and the *secret* are there, else the empty string."""
    return str(key) if key and secret else ""
