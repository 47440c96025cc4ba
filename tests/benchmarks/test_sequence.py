"""What the speed of the sequence model is measured on, and that the start is left out."""

from __future__ import annotations

import pytest

from benchmarks import sequence
from components.common.lags import ABSENT
from components.fraud.sequence_steps import STEP, STEPS


def test_the_payments_have_histories_of_every_length() -> None:
    rows, label = sequence.draw(2_000, 100)
    length = (rows.index != ABSENT).sum(axis=1)
    assert set(length) == set(range(1, STEPS + 2))
    assert rows.flat().shape == (2_000, (STEPS + 1) * len(STEP))
    assert 0 < label.mean() < 0.05


def test_a_pass_is_what_two_more_passes_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(sequence, "process_time", lambda: clock[0])

    def work(passes: int) -> None:
        clock[0] += 5.0 + 0.25 * passes  # the start, and a quarter of a second for each pass

    assert sequence.per_million(work, rows=500_000) == 0.5
