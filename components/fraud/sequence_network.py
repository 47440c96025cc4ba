"""The network of the sequence model in Keras, and how it is trained. Imports TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is loaded

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.common.lags import Sequences
from components.common.recurrent_graph import Float32, Preparation

if TYPE_CHECKING:
    from components.fraud.sequence import SequenceConfig

_CLOSED = -40.0
"""What an absent payment adds to the input gate: its share of the state is below 1e-17."""
_SCORED = 4096
Numbers = npt.NDArray[np.int64]


class AbsenceClosesTheGate(keras.constraints.Constraint):
    """Keeps the last row of an LSTM kernel: an absent payment closes the input gate, no more."""

    def __call__(self, w: Any) -> Any:
        units = w.shape[-1] // 4
        row = [_CLOSED] * units + [0.0] * (3 * units)
        return keras.ops.concatenate([w[:-1], keras.ops.convert_to_tensor([row], w.dtype)], axis=0)


@dataclass(frozen=True)
class Labelled:
    """Sequences and what became of them [n], 0 or 1."""

    rows: Sequences
    label: Float32


@dataclass
class Network:
    """Two LSTM layers and two dense ones, from prepared payments to log-odds."""

    model: keras.Model

    @classmethod
    def new(cls, config: SequenceConfig, features: int, events: int) -> Network:
        """A network of first weights for so many features of so many payments."""
        _use(config.threads)
        keras.utils.set_random_seed(config.seed)
        payments = keras.Input((events, features + 1))
        absent: Any = keras.ops.expand_dims(keras.ops.take(payments, -1, axis=-1), -1)
        first = _lstm(config.first_units, every=True)(payments)
        joined = keras.layers.Concatenate()([first, absent])
        second = _lstm(config.second_units, every=False)(joined)
        dense = keras.layers.Dense(config.dense_units, activation="relu")(second)
        model = keras.Model(payments, keras.layers.Dense(1)(dense))
        for layer in model.layers:
            if isinstance(layer, keras.layers.LSTM):
                layer.cell.kernel.assign(AbsenceClosesTheGate()(layer.cell.kernel))
        return cls(model)

    def train(
        self,
        config: SequenceConfig,
        prepared: Preparation,
        train: Labelled,
        later: Labelled | None = None,
    ) -> float:
        """Train until the later payments are predicted no better; the last learning rate.

        The log-odds are those of a world with `kept` of its genuine payments.
        """
        _begin_at_base_rate(self.model, train.label)
        training = _Training(self.model, prepared, config, kept(config, train.label))
        best, weights, bad = np.inf, self.model.get_weights(), 0
        for _ in range(config.epochs):
            training.epoch(train)
            if later is None:
                continue
            loss = training.loss(later)
            if loss < best:
                best, weights, bad = loss, self.model.get_weights(), 0
                continue
            bad += 1
            self.model.set_weights(weights)
            training.reduce()
            if bad == config.patience:
                break
        if later is not None:
            self.model.set_weights(weights)
        return training.rate

    def refit(
        self,
        config: SequenceConfig,
        prepared: Preparation,
        parts: tuple[Labelled, ...],
        rate: float,
    ) -> None:
        """Go on for `refit_epochs` over all parts, with the share of genuine payments of the first:
        another one would move the log-odds away from what they were calibrated for."""
        if not config.refit_epochs:
            return
        share = kept(config, parts[0].label)
        whole = Labelled(
            Sequences.joined([part.rows for part in parts]),
            np.concatenate([part.label for part in parts]),
        )
        training = _Training(self.model, prepared, config, share, rate)
        for _ in range(config.refit_epochs):
            training.epoch(whole)

    def margin(self, prepared: Preparation, rows: Sequences) -> npt.NDArray[np.float64]:
        """Log-odds [n], not calibrated."""
        values, index = _gathered(prepared, rows)
        return _margin(self.model, values, index)

    def weights(self) -> list[Float32]:
        """Kernel, recurrent kernel and bias of the LSTM layers, kernel and bias of the dense."""
        return [np.asarray(weight, dtype=np.float32) for weight in self.model.get_weights()]

    def write(self, path: Path) -> None:
        """Write the weights; the same weights give the same bytes."""
        named = {f"w{place:02}": weight for place, weight in enumerate(self.weights())}
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **named)

    @classmethod
    def read(cls, path: Path, config: SequenceConfig, features: int, events: int) -> Network:
        """The network that `write` wrote; raises `ValueError` where it is another one."""
        network = cls.new(config, features, events)
        with np.load(path, allow_pickle=False) as named:
            network.model.set_weights([named[name] for name in sorted(named.files)])
        return network


class _Training:
    """One optimiser over many passes."""

    def __init__(
        self,
        model: keras.Model,
        prepared: Preparation,
        config: SequenceConfig,
        share: float,
        rate: float | None = None,
    ) -> None:
        self.model, self._prepared, self._config, self._share = model, prepared, config, share
        self._optimiser = keras.optimizers.Adam(rate or config.learning_rate, global_clipnorm=1.0)
        self._optimiser.build(model.trainable_variables)
        self._draw = np.random.default_rng(config.seed)
        self._step = tf.function(self._correct, reduce_retracing=True)

    @property
    def rate(self) -> float:
        """The learning rate of now."""
        return float(np.asarray(self._optimiser.learning_rate))

    def reduce(self) -> None:
        """Go on with smaller corrections."""
        self._optimiser.learning_rate = self.rate * self._config.reduction

    def epoch(self, train: Labelled) -> None:
        """One pass over every fraud and as many genuine payments as there is room for."""
        values, index = _gathered(self._prepared, train.rows)
        known = tf.constant(values)
        for rows in self._batches(train.label):
            self._step(known, tf.constant(index[rows]), tf.constant(train.label[rows]))

    def loss(self, later: Labelled) -> float:
        """Mean log loss of later payments, as if every genuine one had been trained on."""
        values, index = _gathered(self._prepared, later.rows)
        margin = _margin(self.model, values, index) + np.log(self._share)
        return float(np.mean(np.logaddexp(0.0, margin) - later.label * margin))

    def _batches(self, label: Float32) -> Iterator[Numbers]:
        drawn = self._draw.random(len(label)) < self._share
        rows = np.flatnonzero((label > 0) | drawn)
        self._draw.shuffle(rows)
        for start in range(0, len(rows), self._config.batch):
            yield rows[start : start + self._config.batch]

    def _correct(self, values: tf.Tensor, index: tf.Tensor, label: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            margin = self.model(tf.gather(values, index), training=True)[:, 0]
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=margin)
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        self._optimiser.apply(tape.gradient(loss, variables), variables)


def _lstm(units: int, *, every: bool) -> keras.layers.LSTM:
    """A layer that gives every state or the last one; unrolled, which trains twice as fast."""
    return keras.layers.LSTM(
        units, return_sequences=every, unroll=True, kernel_constraint=AbsenceClosesTheGate()
    )


def _use(threads: int) -> None:
    """Train on so many threads; what TensorFlow was told before in this process stays."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        with suppress(RuntimeError):  # it has begun already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)


def _begin_at_base_rate(model: keras.Model, label: Float32) -> None:
    """Begin with the log-odds of the rows as drawn: nothing has to be unlearnt first."""
    rate = float(label.mean())
    bias = model.layers[-1].bias
    bias.assign([np.log(rate / (1 - rate))])


def kept(config: SequenceConfig, label: Float32) -> float:
    """Share of the genuine payments that a pass draws."""
    frauds = int(label.sum())
    room, genuine = config.epoch_rows - frauds, len(label) - frauds
    return min(1.0, max(room, config.batch) / genuine)


def _gathered(prepared: Preparation, rows: Sequences) -> tuple[Float32, npt.NDArray[np.int32]]:
    """Prepared events with one that is absent behind them, and sequences of them, oldest first."""
    values = prepared.apply(rows.values)
    absent = np.zeros((1, values.shape[1]), dtype=np.float32)
    absent[0, -1] = 1.0
    index = np.where(rows.index < 0, len(values), rows.index)[:, ::-1]
    return np.concatenate([values, absent]), np.ascontiguousarray(index, dtype=np.int32)


def _margin(
    model: keras.Model, values: Float32, index: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    parts = [
        model(values[index[start : start + _SCORED]], training=False)[:, 0]
        for start in range(0, len(index), _SCORED)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)
