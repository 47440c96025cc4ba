"""Monitoring of fraud: columns, windows and thresholds, in one frozen declaration."""

from __future__ import annotations

from datetime import timedelta

from components.fraud import POLICY
from components.fraud.features import MODEL_INPUT
from monitoring.declaration import Monitoring
from monitoring.drift import DriftRules
from monitoring.judge import JudgeRules
from monitoring.performance import PerformanceRules
from monitoring.policy import RetrainRules

_DAY = timedelta(days=1)
_SCORE_PSI = 0.25

MONITORING = Monitoring(
    drift=DriftRules(
        days=1,
        minimum_rows=500,
        psi=0.2,
        score_psi=_SCORE_PSI,
        drifted_share=0.25,
        key_columns=("amount",),
        column_psi={
            "amount": 0.03,  # prices a third up give 0.05, ordinary days 0.01
            **dict.fromkeys(POLICY.members, _SCORE_PSI),
        },
        cycles={"hour": _DAY, "is_night": _DAY, "day_of_week": 7 * _DAY, "is_weekend": 7 * _DAY},
        slow=(
            "history_count",
            "count_last_14d",
            *(name for name in MODEL_INPUT if name.startswith(("user_", "merchant_"))),
        ),
    ),
    retrain=RetrainRules(violated=2, windows=3, cool_down=7 * _DAY, minimum_rows=1_000),
    judge=JudgeRules(
        minimum={"shadow": 1_000, "canary-5": 100, "canary-25": 300, "canary-50": 500},
        error_rate=0.01,
        p99_ms=100.0,
        psi=0.25,
        changed_decisions=0.05,
        rank_correlation=0.3,
        decline_rate=0.02,
    ),
    performance=PerformanceRules(
        amount="amount",
        accepted=("APPROVE",),
        declined=("DECLINE",),
        minimum_known=500,
        minimum_positives=10,
    ),
)
