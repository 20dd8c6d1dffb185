"""One transmission per nonce: private calls are neither redirected nor sent again by the HTTP library.

A redirect (307, 308) would post the signed body a second time, and so would a transport's own retry; Kraken would then
see one nonce twice, and "Invalid nonce" would no longer prove that a request had no effect. Public calls that go
through the same session are left alone.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from krakenonce.adapters.calls import Call, current_call
from krakenonce.adapters.patches import Patch
from krakenonce.errors import OutcomeUnknown

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MARK = "_krakenonce_guard"

_lock = threading.RLock()  # of all guards: joining, leaving and putting in are rare


class Guard:
    """What was put into one session, and how many installations rely on it. Sessions can be shared by clients."""

    def __init__(self, session: Any, name: str, replacement: Callable[..., Any]) -> None:
        self._patch = Patch(session, {name: replacement, _MARK: self})
        self._users = 0

    def join(self) -> None:
        """Count one more installation that relies on the guard."""
        self._users += 1

    def leave(self) -> None:
        """Take the guard out of the session if nobody relies on it any more."""
        self._users -= 1
        if not self._users:
            self._patch.undo()


class Guards:
    """The guarded sessions of one installation. They are known as long as they live. Safe across threads."""

    def __init__(self) -> None:
        self._known: weakref.WeakSet[Guard] = weakref.WeakSet()

    def add(self, session: Any) -> None:
        """Guard *session*, if it is a ``requests.Session`` or an ``aiohttp.ClientSession``; once is enough."""
        if getattr(session, _MARK, None) in self._known:
            return
        with _lock:
            found = getattr(session, _MARK, None) or _put_in(session)
            if found is not None and found not in self._known:
                self._known.add(found)
                found.join()

    def release(self) -> None:
        """Leave the sessions as they were, but for other installations' guards."""
        with _lock:
            while self._known:
                self._known.pop().leave()


def _put_in(session: Any) -> Guard | None:
    kinds = {f"{cls.__module__}.{cls.__name__}" for cls in type(session).__mro__}
    if "requests.sessions.Session" in kinds:
        return Guard(session, "get_adapter", _requests_adapters(session.get_adapter))
    if "aiohttp.client.ClientSession" in kinds:
        return Guard(session, "_request", _aiohttp_request(session._request))  # noqa: SLF001 - where all its verbs meet
    return None


def _requests_adapters(find: Callable[[str], Any]) -> Callable[[str], Any]:
    def get_adapter(url: str) -> Any:
        adapter, call = find(url), current_call()
        return adapter if call is None else _OneTransmission(adapter, call)

    return get_adapter


class _OneTransmission:
    """A transport adapter of requests for one private call: the mounted one, without retries and redirects."""

    def __init__(self, adapter: Any, call: Call) -> None:
        self._adapter, self._call = _without_retries(adapter), call

    def send(self, request: Any, **settings: Any) -> Any:
        self._call.leaves()
        response = self._adapter.send(request, **settings)
        socket = getattr(getattr(getattr(response, "raw", None), "_connection", None), "sock", None)
        _receive(self._call, response, response.status_code, _port(socket.getsockname()) if socket else 0)
        return response


def _without_retries(adapter: Any) -> Any:
    retries = getattr(adapter, "max_retries", None)
    if retries is None or retries.total == 0:
        return adapter
    # Same connection pool, same everything: only the retries are off, and only for this call.
    single = object.__new__(type(adapter))
    vars(single).update(vars(adapter), max_retries=type(retries)(0, read=False))
    return single


def _aiohttp_request(send: Callable[..., Any]) -> Callable[..., Any]:
    async def request(method: str, url: Any, **settings: Any) -> Any:
        call = current_call()
        if call is None:
            return await send(method, url, **settings)
        call.leaves()
        response = await send(method, url, **{**settings, "allow_redirects": False})
        transport = getattr(getattr(response, "_protocol", None), "transport", None)
        _receive(call, response, response.status, _port(transport.get_extra_info("sockname")) if transport else 0)
        return response

    return request


def _port(address: object) -> int:
    # For the flight recorder, out of the depths of two libraries: where they look different, it just stays unknown.
    return address[1] if isinstance(address, tuple) and len(address) > 1 and isinstance(address[1], int) else 0


def _receive(call: Call, response: Any, status: int, port: int) -> None:
    call.keep(response, port)
    location = response.headers.get("Location")
    if status in REDIRECTS and location is not None:
        host = urlsplit(location).netloc or "another path of the same host"
        raise OutcomeUnknown(
            f"the exchange's address answered a private call with HTTP {status} to {host}; krakenonce does not follow "
            "it, because that would send one nonce twice. Give the client the final address"
        )
