"""Card and account fraud: is this payment the customer's own?

The map: `features/` what we know about a payment, `expectations.py` what its tables must look
like, `boosting.py` and `sequence.py` the models (an isolation forest inside the first one),
`*training.py` from a frame to a judged candidate, `reasons.py` why a payment was stopped
(`reason_codes.py` in which words, `occlusion.py` for the network),
`decision.py` from probability to decision, `rules/` what people have decided beforehand and who
overrides whom; `blend.py` one probability from several, `costs.py` thresholds from money, and
`policy_training.py` both with the rules as one release; `commands.py` what there is to do with
rules.
"""

from __future__ import annotations

from datetime import timedelta

from components.common.domain import Domain, Gate, ModelSpec

LABEL = "is_fraud"
"""Column of what turned out."""

_OWNER = "fraud-risk"
_SERVICE = "fraud_v1"
_DELAY = timedelta(days=7)
_GATES = (
    Gate("roc_auc", at_least=0.80),
    Gate("average_precision_lift", at_least=10.0),
    Gate("expected_calibration_error", at_most=0.02),
    Gate("artifact_max_difference", at_most=1e-4),
)

XGBOOST = ModelSpec(
    "fraud-xgboost", _SERVICE, LABEL, _DELAY, _GATES, _OWNER, training="boosting_training"
)
"""Trees over a payment against what is known of its customer and merchant."""

LSTM = ModelSpec(
    "fraud-lstm", _SERVICE, LABEL, _DELAY, _GATES, _OWNER, lags=10, training="sequence_training"
)
"""A network over the customer's last payments and the current one."""

POLICY = ModelSpec(
    "fraud-policy",
    _SERVICE,
    LABEL,
    _DELAY,
    (*_GATES, Gate("average_precision_over_best_member", at_least=-0.01)),
    _OWNER,
    lags=LSTM.lags,
    members=(XGBOOST.name, LSTM.name),
    training="policy_training",
)
"""What is decided from what the others say: a blend, thresholds and rules, released as one."""

DOMAIN = Domain(
    name="fraud",
    title="Fraud",
    models=(XGBOOST, LSTM, POLICY),
    layers={
        "components": "components/fraud/",
        "pipelines": "pipelines/fraud_xgboost.py",
        "feature_repo": "feature_repo/fraud.py",
        "serving": "serving/fraud/",
        "monitoring": "monitoring/fraud.py",
    },
)
