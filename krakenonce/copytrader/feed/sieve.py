"""Which fills are new. Pure but for its memory."""

from __future__ import annotations


class Sieve:
    """Lets each fill through once, and none from before the start.

    What lies further back than the books have been read, less the overlap, is never let through: whatever happened
    there has been found. So snapshots may repeat old fills as often as they like.

    Parameters:
        overlap_ns: how late a fill may show up in the books and still be noticed.
    """

    def __init__(self, overlap_ns: int) -> None:
        self._overlap_ns = overlap_ns
        self._cursor_ns = self._read_ns = 0
        self._seen: dict[str, int] = {}

    def begin(self, cursor_ns: int) -> None:
        """Let nothing through that is from before this moment of the exchange's clock."""
        self._cursor_ns, self._read_ns = cursor_ns, max(self._read_ns, cursor_ns)

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, exec_id: str) -> bool:
        return exec_id in self._seen

    @property
    def since_ns(self) -> int:
        """From when on the books have to be read next; fills from before it are old."""
        return max(self._cursor_ns, self._read_ns - self._overlap_ns)

    def take(self, exec_id: str, filled_ns: int) -> bool:
        """Let a fill through if it is new, and remember it."""
        if exec_id in self._seen or filled_ns < self.since_ns:
            return False
        self._seen[exec_id] = filled_ns
        return True

    def have_read(self, newest_ns: int) -> None:
        """The books were read, and their newest fill is of this moment."""
        self._read_ns = max(self._read_ns, newest_ns)
        since_ns = self.since_ns
        self._seen = {exec_id: at_ns for exec_id, at_ns in self._seen.items() if at_ns >= since_ns}
