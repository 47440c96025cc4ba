"""CPU time of one pass of the sequence model over a million payments, each after the ten before it.

The peer is the usual way with the same layers: Keras' own mask, `model.fit`, and sequences that
were copied out beforehand. What is paid once (tracing the graph) is left out of both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.report import Row, Say
from components.common.lags import Sequences, previous
from components.common.recurrent_graph import Preparation
from components.fraud.sequence import SequenceConfig
from components.fraud.sequence_steps import STEP, STEPS

if TYPE_CHECKING:
    import keras

PAYMENTS = 100_000
CUSTOMERS = 5_000
RUNS = 3
"""How often both are measured, in turn: a shared machine is not the same from minute to minute."""
_MILLION = 1_000_000


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure on random payments; `data` is not read."""
    rows, label = draw(PAYMENTS, CUSTOMERS)
    our, peer = [], []
    for _ in range(RUNS):
        our.append(per_million(lambda passes: train(rows, label, passes), len(rows)))
        say(f"ours, gathered by number: {our[-1]:.0f} CPU-s")
        peer.append(per_million(lambda passes: train_masked(rows, label, passes), len(rows)))
        say(f"peer, copied out and masked: {peer[-1]:.0f} CPU-s")
    return (Row("fraud-lstm", "cpu_seconds_per_million", median(our), "s", median(peer)),)


def draw(payments: int, customers: int) -> tuple[Sequences, npt.NDArray[np.float32]]:
    """Random payments of customers, one in a hundred a fraud."""
    random = np.random.default_rng(0)
    values = random.normal(size=(payments, len(STEP))).astype(np.float32)
    customer = random.integers(0, customers, payments)
    own = np.arange(payments, dtype=np.int32)[:, None]
    index = np.concatenate([own, previous(customer, STEPS)], axis=1)
    return Sequences(values, index), (random.random(payments) < 0.01).astype(np.float32)


def per_million(passes: Callable[[int], object], rows: int) -> float:
    """CPU seconds of a pass over a million rows: three passes less one, so without the start."""

    def cpu(count: int) -> float:
        began = process_time()
        passes(count)
        return process_time() - began

    return (cpu(3) - cpu(1)) / 2 / rows * _MILLION


def train(rows: Sequences, label: npt.NDArray[np.float32], passes: int) -> None:
    """Train our network for so many passes over every row."""
    from components.fraud.sequence_network import Labelled, Network

    config = SequenceConfig(epochs=passes, epoch_rows=len(rows))
    prepared = Preparation.fit(rows.values, np.zeros(len(STEP), dtype=bool))
    network = Network.new(config, len(STEP), STEPS + 1)
    network.train(config, prepared, Labelled(rows, label))


def train_masked(rows: Sequences, label: npt.NDArray[np.float32], passes: int) -> None:
    """Train the same layers on sequences that are padded and masked."""
    flat = rows.flat().reshape(len(rows), STEPS + 1, len(STEP))[:, ::-1]
    padded = np.nan_to_num(flat, nan=0.0)
    model: Any = masked(SequenceConfig())  # the stub knows no silent `verbose`
    model.fit(padded, label, batch_size=SequenceConfig().batch, epochs=passes, verbose=0)


def masked(config: SequenceConfig) -> keras.Model:
    """The network as a handbook of Keras would have it."""
    import keras

    payments = keras.Input((STEPS + 1, len(STEP)))
    known: Any = keras.layers.Masking()(payments)
    first = keras.layers.LSTM(config.first_units, return_sequences=True, unroll=True)(known)
    second = keras.layers.LSTM(config.second_units, unroll=True)(first)
    dense = keras.layers.Dense(config.dense_units, activation="relu")(second)
    model = keras.Model(payments, keras.layers.Dense(1)(dense))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(config.learning_rate), loss)
    return model
