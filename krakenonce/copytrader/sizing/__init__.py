"""How large a copy is: the modes, what is affordable, the minimums. Pure; formulas in docs/reference/sizing.md."""

from krakenonce.copytrader.sizing.modes import Figures, Unsized, size

__all__ = ["Figures", "Unsized", "size"]
