"""Cutting a connection that another thread waits for: libpq itself waits for ever."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


def cut(connection: Connection[Any]) -> None:
    """Shut the socket of *connection* down, so that whoever waits for it in another thread gets an error."""
    with suppress(Exception), socket.socket(fileno=connection.fileno()) as borrowed:
        try:
            borrowed.shutdown(socket.SHUT_RDWR)
        finally:
            borrowed.detach()  # libpq goes on owning it
