"""Instance attributes put in front of a class's own, and taken away again. The class is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


class Patch:
    """Replacements that hide attributes of one object until `undo`, which leaves no trace."""

    def __init__(self, target: Any, replacements: Mapping[str, Any]) -> None:
        # vars() instead of setattr: aiohttp's sessions warn about attributes they do not know.
        self._own = vars(target)
        self._before = {name: self._own.get(name, _ABSENT) for name in replacements}
        self._own.update(replacements)

    def undo(self) -> None:
        """Put everything back as it was."""
        for name, value in self._before.items():
            if value is _ABSENT:
                self._own.pop(name, None)
            else:
                self._own[name] = value
