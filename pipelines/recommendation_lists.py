"""Recommendation, everybody's list: what the champion recommends, put into the online store.

1. list-everybody   the ten best new merchants of each customer, as of now

Run it after the data pipeline, or when a version has become champion. It always runs.
"""

from typing import NamedTuple

from kfp import dsl

from feature_repo import steps as features
from pipelines.common.arguments import RunArguments


class Arguments(RunArguments):
    """Nothing can be told."""


class Outputs(NamedTuple):
    """What a run gives."""

    customers: int
    """Customers whose list was made; none where there is no champion."""


@dsl.pipeline(name="recommendation-lists", description="Everybody's list by the champion.")
def PIPELINE() -> Outputs:  # noqa: N802 - the name by which the launcher finds it
    """See the list at the top of this module."""
    listed = features.list_everybody()
    listed.set_caching_options(False)
    return Outputs(listed.output)
