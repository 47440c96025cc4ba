"""The fraud model of sequences: a payment after the customer's last ten."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import GRAPH, matrix, read_inputs, write_inputs
from components.common.calibration import BetaCalibration
from components.common.errors import bad_input, refused
from components.common.lags import Sequences, lag_names, parse_lag
from components.common.recurrent_graph import Preparation, recurrent_graph

if TYPE_CHECKING:
    import pandas as pd

    from components.fraud.sequence_network import Network

NETWORK = "network.npz"
"""Weights of the network: arrays, and nothing that could be run."""
STATE = "sequence.json"
"""Configuration, preparation and calibration, as JSON."""
AS_IS = ("amount_log", "zscore", "hour", "day_of_week", "is_", "new_", "risk")
"""Parts of names of features that are not drawn in by a logarithm."""


class SequenceConfig(BaseModel):
    """What can be tuned; the defaults were chosen on validation weeks before any test week."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_units: int = Field(default=64, ge=1)
    """Width of the LSTM layer that reads the payments."""
    second_units: int = Field(default=32, ge=1)
    """Width of the LSTM layer that reads the first one."""
    dense_units: int = Field(default=16, ge=1)
    """Width of the rectified layer before the answer."""
    epochs: int = Field(default=12, ge=1)
    """Most passes over the payments."""
    epoch_rows: int = Field(default=200_000, ge=1)
    """Most payments in a pass: every fraud, and genuine ones drawn anew each time."""
    batch: int = Field(default=512, ge=1)
    """Payments between two corrections."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Size of the first corrections (Adam)."""
    reduction: float = Field(default=0.4, gt=0, lt=1)
    """What the learning rate is multiplied by when the later payments are predicted no better."""
    patience: int = Field(default=3, ge=1)
    """Passes without improvement after which training ends."""
    refit_epochs: int = Field(default=1, ge=0)
    """Passes over all payments, the calibration slice among them, after the map is fitted."""
    threads: int = Field(default=1, ge=0)
    """Threads that train, 0 for all cores."""
    seed: int = 0
    """Seed of the first weights and of every draw."""


@dataclass
class Sequence:
    """P(fraud | x₀ … x₁₀) = κ(w·relu(A·h + b) + c): h is the last state of an LSTM layer over the
    states of an LSTM layer over the payments, oldest first, x₀ the payment itself; κ a strictly
    increasing beta calibration fitted on later rows than the network.

    A payment that is not there (a short history) leaves both states at zero, where they began: its
    flag closes the input gates. Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    config: SequenceConfig = field(default_factory=SequenceConfig)
    inputs: tuple[str, ...] = ()
    preparation: Preparation | None = None
    calibration: BetaCalibration = field(default_factory=BetaCalibration)
    network: Network | None = None
    held_out: npt.NDArray[np.float64] | None = None
    """What it said of the calibration rows [k] before it had learnt from them: what a blend of
    several models is fitted on."""

    def fit(
        self,
        x: pd.DataFrame,
        y: npt.ArrayLike,
        *,
        calibration: tuple[pd.DataFrame, npt.ArrayLike] | None = None,
    ) -> Sequence:
        """A new model fitted on flat rows `x` [n, t·s] (columns as of `lag_names`) and labels `y`.

        See `fit_sequences`.
        """
        inputs = tuple(str(name) for name in x.columns)
        features = features_of(inputs)
        later = None
        if calibration is not None:
            later = (
                Sequences.of_flat(matrix(calibration[0], inputs), len(features)),
                calibration[1],
            )
        rows = Sequences.of_flat(matrix(x, inputs), len(features))
        return self.fit_sequences(features, rows, y, calibration=later)

    def fit_sequences(
        self,
        features: tuple[str, ...],
        rows: Sequences,
        y: npt.ArrayLike,
        *,
        calibration: tuple[Sequences, npt.ArrayLike] | None = None,
    ) -> Sequence:
        """A new model fitted on sequences of `features` and labels `y` [n] in {0, 1}.

        `calibration` holds sequences and labels that happened later: they decide when training
        ends and what the log-odds mean; without it every pass is made and they are taken as they
        are. Raises `FinloopError("one_class")` where `y` is all the same.
        """
        from components.fraud.sequence_network import Labelled, Network

        train = Labelled(rows, np.asarray(y, dtype=np.float32))
        if len(np.unique(train.label)) < 2:
            raise refused(
                "one_class", "The training rows hold one class only; take a longer time span."
            )
        seen = np.unique(rows.index[rows.index >= 0])
        prepared = Preparation.fit(rows.values[seen], _logarithmic(features))
        network = Network.new(self.config, len(features), rows.index.shape[1])
        bent, held_out = BetaCalibration(), None
        if calibration is None:
            network.train(self.config, prepared, train)
        else:
            later = Labelled(calibration[0], np.asarray(calibration[1], dtype=np.float32))
            rate = network.train(self.config, prepared, train, later)
            margin = network.margin(prepared, later.rows)
            bent = BetaCalibration.fit(margin, later.label)
            held_out = bent.apply(margin)
            network.refit(self.config, prepared, (train, later), rate)
        inputs = lag_names(features, rows.index.shape[1] - 1)
        return Sequence(self.config, inputs, prepared, bent, network, held_out)

    def predict_proba(self, x: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of fraud [n] for flat rows; needs every input column."""
        features = features_of(self.inputs)
        rows = Sequences.of_flat(matrix(x, self.inputs), len(features))
        return self.predict_sequences(rows)

    def predict_sequences(self, rows: Sequences) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of fraud [n] for sequences of the model's features."""
        network, prepared = self._fitted()
        return self.calibration.apply(network.margin(prepared, rows))

    def export(self, directory: Path) -> None:
        """Write model.onnx, inputs.json, network.npz and sequence.json into `directory`."""
        network, prepared = self._fitted()
        directory.mkdir(parents=True, exist_ok=True)
        events = len(self.inputs) // len(prepared.mean)
        graph = recurrent_graph(events, prepared, network.weights(), self.calibration)
        (directory / GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
        write_inputs(directory, self.inputs)
        network.write(directory / NETWORK)
        state = {
            "config": self.config.model_dump(),
            "calibration": self.calibration.as_json(),
            "logarithmic": prepared.logarithmic.tolist(),
            "mean": prepared.mean.tolist(),
            "scale": prepared.scale.tolist(),
        }
        (directory / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Sequence:
        """The model that `export` wrote, whole."""
        from components.fraud.sequence_network import Network

        try:
            state: dict[str, Any] = json.loads((directory / STATE).read_text(encoding="utf-8"))
            config, inputs = SequenceConfig.model_validate(state["config"]), read_inputs(directory)
            features = len(features_of(inputs))
            events = len(inputs) // features
            network = Network.read(directory / NETWORK, config, features, events)
        except (OSError, ValueError) as error:
            raise bad_input(
                "artifact_unreadable", f"The network in {directory} cannot be loaded."
            ) from error
        return cls(
            config,
            inputs,
            _preparation_of(state),
            BetaCalibration.from_json(state["calibration"]),
            network,
        )

    def _fitted(self) -> tuple[Network, Preparation]:
        if self.network is None or self.preparation is None:
            raise bad_input("not_fitted", "The model is not fitted yet; call fit first.")
        return self.network, self.preparation


def features_of(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The features of one payment, of inputs in the order of `lag_names`."""
    features = tuple(name for name in inputs if parse_lag(name)[1] == 0)
    events = len(inputs) // max(len(features), 1)
    if lag_names(features, events - 1) != inputs:
        raise bad_input("inputs_disordered", "The inputs are no sequence of payments.")
    return features


def read_preparation(directory: Path) -> Preparation:
    """What an exported network does to its features first.

    Raises `FinloopError("artifact_unreadable")` where that folder holds none.
    """
    try:
        return _preparation_of(json.loads((directory / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise bad_input(
            "artifact_unreadable", f"The network in {directory} cannot be loaded."
        ) from error


def _preparation_of(state: dict[str, Any]) -> Preparation:
    return Preparation(
        np.array(state["logarithmic"], dtype=bool),
        np.array(state["mean"], dtype=np.float32),
        np.array(state["scale"], dtype=np.float32),
    )


def _logarithmic(features: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Amounts, counts, times and ratios have long tails; what has none is taken as it is.

    The amount itself comes in both ways, as `amount` and `amount_log`: a sharp cut stays sharp.
    """
    return np.array(
        [name != "amount" and not any(part in name for part in AS_IS) for name in features]
    )
