"""The model of sequences keeps the contract of every model, and what is its own."""

from __future__ import annotations

from pathlib import Path

from components.fraud.sequence import Sequence, SequenceConfig
from tests.contracts import ModelContract

SMALL = SequenceConfig(
    first_units=8, second_units=6, dense_units=4, epochs=20, batch=64, learning_rate=2e-2
)


class TestSequence(ModelContract):
    """Rows without a past: sequences of one payment."""

    def make(self, seed: int) -> Sequence:
        return Sequence(SMALL.model_copy(update={"seed": seed}))

    def load(self, directory: Path) -> Sequence:
        return Sequence.load(directory)
