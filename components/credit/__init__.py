"""Consumer credit: will this loan be repaid?

The map: `features/` what we know at the time of an application, `expectations.py` what its tables
must look like, `online.py` the inputs of past applications made once more, `training.py` from a
frame to a judged candidate, `decision.py` from probability to decision, `points.py` the score that
it is told as, `served.py` what the ledger says about applications.

How a model is found: `choosing.py` tunes and compares every kind of `candidates.py` (`tuning.py`,
`comparing.py`) on what `inputs.py` makes of a table (`columns.py`, `derived.py`); `scorecard.py`
with `binning.py`, `grown_trees.py` and `table_trees.py` are the kinds, `fitted.py` the model and
its artifact. What it says of itself: `explaining.py`, `reasons.py` with `reason_codes.py`,
`counterfactual.py` and `fairness.py`.
"""

from __future__ import annotations

from datetime import timedelta

from components.common.domain import Domain, Gate, ModelSpec

LABEL = "defaulted"
"""Column of what turned out."""

FOUR_FIFTHS = Gate("four_fifths_violations", at_most=0)
"""Protected groups that break the four-fifths rule beyond chance, where any can be compared."""

SCORING = ModelSpec(
    "credit-scoring",
    "credit_v1",
    LABEL,
    timedelta(days=75),
    (
        Gate("roc_auc", at_least=0.58),
        FOUR_FIFTHS,
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
