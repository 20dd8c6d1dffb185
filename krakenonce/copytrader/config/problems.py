"""What is wrong with a configuration: every mistake with its line, the shape of what stands there, and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from krakenonce.copytrader.config.lines import Path, find_spots
from krakenonce.errors import ConfigError


class Problem(NamedTuple):
    """One mistake. *field* is the dotted name, such as ``users.alice.guards.max_order``."""

    line: int
    field: str
    shape: str
    mend: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.shape}. {self.mend}"


class BadConfig(ConfigError):
    """A configuration with mistakes: all of them, in the order of the file.

    Attributes:
        problems: one for each mistake, at least one.
    """

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file, self.problems = file, tuple(sorted(problems))
        first = self.problems[0]
        super().__init__(first.field, first.shape, first.mend)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        self.args = ("\n  ".join([f"{file} has {count}:", *map(str, self.problems)]),)

    def __reduce__(self) -> tuple[type[BadConfig], tuple[str, tuple[Problem, ...]]]:
        """Let it be pickled: its message is not what it was made of."""
        return type(self), (self.file, self.problems)


class Wrong(Exception):
    """A value that cannot be used: *shape* says what it is (never the value of a secret), *mend* what to write."""

    def __init__(self, shape: str, mend: str, inner: Path = ()) -> None:
        self.shape, self.mend, self.inner = shape, mend, inner
        super().__init__(shape)


class Notes:
    """Where things stand in one file, and what has been found wrong so far.

    Parameters:
        text: the file, which must be valid TOML.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.spots = find_spots(text)

    def line(self, path: Path) -> int:
        """Return the line of *path*, or of the nearest thing around it that is there."""
        while path and path not in self.spots:
            path = path[:-1]
        return self.spots[path].line if path else 1

    def has(self, path: Path) -> bool:
        """Return whether something at *path* or inside it is wrong."""
        field = dotted(path)
        return any(f"{problem.field}.".startswith((f"{field}.", f"{field}[")) for problem in self.problems)

    def add(self, path: Path, shape: str, mend: str) -> None:
        """Note a mistake at *path*; the first one at a path is the one that is told."""
        field = dotted(path)
        if all(problem.field != field for problem in self.problems):
            self.problems.append(Problem(self.line(path), field, shape, mend))


def dotted(path: Path) -> str:
    """Return the name of *path* as people write it: ``users.alice.guards.pairs[0]``."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}"
    return name.removeprefix(".")


def _quoted(part: str) -> str:
    plain = part.isascii() and part.replace("-", "").replace("_", "").isalnum()
    return part if plain else f'"{part}"'
