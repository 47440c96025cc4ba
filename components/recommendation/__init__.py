"""Recommendation: which merchants would this customer like that they have not paid at yet?

The map: `features/` what is known of customers, merchants and segments as of a moment,
`expectations.py` what the tables must look like, `interactions.py` the training frame (who paid at
which merchant, split by time), `catalogue.py` the artifact as it is served: merchants, how a
history becomes the inputs of the graph; `ncf.py` the network (`ncf_network.py` in TensorFlow,
`ncf_graph.py` as ONNX, `pairs.py` what it learns from, `pretraining.py` where it may begin),
`learning.py` the network from a frame, `people.py` customers of a window, `quality.py` and
`neighbours.py` how good lists are and what they have to beat, `training.py` from a frame to a
judged candidate; `ranking.py` from probabilities to a list, `served.py` what the ledger says as
rows of contract tables; `leave_one_out.py` and `baselines.py` are for the benchmark.
"""

from __future__ import annotations

from datetime import timedelta

from components.common.domain import Domain, Gate, ModelSpec

LABEL = "paid"
"""Whether the customer paid at the merchant afterwards, for the first time."""

NCF = ModelSpec(
    name="recommendation-ncf",
    feature_service="recommendation_v1",
    label=LABEL,
    label_delay=timedelta(0),  # a payment is known when it is made
    gates=(
        Gate("ndcg_at_10_over_popularity", at_least=0.0),
        Gate("ndcg_at_10_over_item_knn", at_least=0.0),
        Gate("artifact_max_difference", at_most=1e-4),
    ),
    owner="growth",
)
"""Neural matrix factorisation over payments, with the content of merchants beside."""

DOMAIN = Domain(
    name="recommendation",
    title="Recommendation",
    models=(NCF,),
    layers={
        "components": "components/recommendation/",
        "pipelines": "pipelines/recommendation_ncf.py",
        "feature_repo": "feature_repo/recommendation.py",
        "serving": "serving/recommendation/",
        "monitoring": "monitoring/recommendation.py",
    },
)
