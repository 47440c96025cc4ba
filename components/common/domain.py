"""A domain and its models: the facts that two layers share, written once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Gate:
    """A bound that a metric of the evaluated artifact must keep."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None


def candidate_name(model: str) -> str:
    """The registered model that holds the candidates of a production model."""
    return f"{model}-candidate"


@dataclass(frozen=True)
class ModelSpec:
    """One registered model."""

    name: str
    """Registered production model; also the name of its pipeline in `finloop run`."""
    feature_service: str
    """Feast feature service that training and serving share."""
    label: str
    """Column that the model predicts."""
    label_delay: timedelta
    """How long after its event an outcome is usually known; the gap between train and test."""
    gates: tuple[Gate, ...]
    """Bounds that a candidate must keep to be approvable."""
    owner: str
    """Team that answers for the model."""
    lags: int = 0
    """Earlier events of the same entity that the model sees beside the one it is asked about."""
    members: tuple[str, ...] = ()
    """Other models whose probabilities are its only inputs, by their names."""
    training: str = "training"
    """Module of its domain that makes it: `train_candidate(frame, out, config)`."""

    @property
    def candidate(self) -> str:
        """Registered model that training may write to."""
        return candidate_name(self.name)


@dataclass(frozen=True)
class Domain:
    """One business domain, spelled the same in every layer."""

    name: str
    title: str
    models: tuple[ModelSpec, ...]
    layers: dict[str, str] = field(default_factory=dict)
    """Layer → path of what this domain has there; the README table and a test follow it."""

    def model(self, name: str) -> ModelSpec:
        """The model of that name; `KeyError` where the domain has none."""
        return next(model for model in self.models if model.name == name)
