"""How many, and how much money: what is counted wherever decisions are compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Sum:
    """Decisions and their money, in currency units."""

    count: int = 0
    amount: float = 0.0

    def add(self, amount: float) -> None:
        """Count one."""
        self.count += 1
        self.amount = round(self.amount + amount, 6)
