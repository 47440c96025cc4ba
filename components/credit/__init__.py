"""Consumer credit: will this loan be repaid?

The map: `features/` what we know at the time of an application, `expectations.py` what its tables
must look like, `online.py` the inputs of past applications made once more, `training.py` from a
frame to a judged candidate, `decision.py` from probability to decision, `served.py` what the ledger
says about applications.
"""

from __future__ import annotations

from datetime import timedelta

from components.common.domain import Domain, Gate, ModelSpec

LABEL = "defaulted"
"""Column of what turned out."""

SCORING = ModelSpec(
    "credit-scoring",
    "credit_v1",
    LABEL,
    timedelta(days=75),
    (
        Gate("roc_auc", at_least=0.60),
        Gate("expected_calibration_error", at_most=0.15),
        Gate("artifact_max_difference", at_most=1e-4),
    ),
    "credit-risk",
)
"""The probability that a loan defaults, and the score that it is told as."""

DOMAIN = Domain(
    name="credit",
    title="Credit",
    models=(SCORING,),
    layers={
        "components": "components/credit/",
        "pipelines": "pipelines/credit_scoring.py",
        "feature_repo": "feature_repo/credit.py",
        "serving": "serving/credit/",
        "monitoring": "monitoring/credit.py",
    },
)
