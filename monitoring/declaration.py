"""What a domain declares of its monitoring: one frozen value per domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from components.common.domain import Domain
from components.common.errors import bad_input
from monitoring.drift import DriftRules
from monitoring.judge import JudgeRules
from monitoring.performance import Measuring
from monitoring.policy import RetrainRules


@dataclass(frozen=True)
class Monitoring:
    """Columns, windows and thresholds of one domain."""

    drift: DriftRules
    retrain: RetrainRules
    judge: JudgeRules
    performance: Measuring
    released_by_people: bool = False
    """Whether a challenger stays in shadow until a person releases it, whatever the judge says."""
    data_pipeline: str = "data"
    """Pipeline that brings served decisions and their outcomes into the lake."""
    data_arguments: Mapping[str, str] = field(default_factory=lambda: {"include_ledger": "true"})
    """What that pipeline is told in order to do so."""
    training_arguments: Mapping[str, str] = field(default_factory=lambda: {"author": "monitor"})
    """What the pipeline of a model is told when drift launches it."""


def monitoring_of(domain: Domain) -> Monitoring:
    """The declaration of a domain: `MONITORING` in `monitoring/<domain>.py`.

    Raises `FinloopError("not_monitored")` where the domain declares none.
    """
    try:
        return import_module(f"monitoring.{domain.name}").MONITORING
    except ModuleNotFoundError as error:
        raise bad_input(
            "not_monitored",
            f"{domain.title} declares no monitoring; add monitoring/{domain.name}.py.",
        ) from error
