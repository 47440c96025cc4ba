"""Card and account fraud: is this payment the customer's own?

The map: `features/` what we know about a payment, `expectations.py` what its tables must look
like, `boosting.py` the model, `reasons.py` why a payment was stopped, `decision.py` from
probability to decision, `rules/` what people have decided beforehand and who overrides whom,
`commands.py` what there is to do with rules, `steps.py` the pipeline steps.
"""

from __future__ import annotations

from datetime import timedelta

from components.common.domain import Domain, Gate, ModelSpec

XGBOOST = ModelSpec(
    name="fraud-xgboost",
    feature_service="fraud_v1",
    label="is_fraud",
    label_delay=timedelta(days=7),
    gates=(
        Gate("roc_auc", at_least=0.80),
        Gate("average_precision_lift", at_least=10.0),
        Gate("expected_calibration_error", at_most=0.02),
        Gate("artifact_max_difference", at_most=1e-4),
    ),
    owner="fraud-risk",
)

DOMAIN = Domain(
    name="fraud",
    title="Fraud",
    models=(XGBOOST,),
    layers={
        "components": "components/fraud/",
        "pipelines": "pipelines/fraud_xgboost.py",
        "feature_repo": "feature_repo/fraud.py",
        "serving": "serving/fraud/",
        "monitoring": "monitoring/fraud.py",
    },
)
