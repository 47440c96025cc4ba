"""Data: from foreign files and served decisions to features that Feast serves.

1. ingest            foreign files, and what the ledger has, into the lake; bad rows to quarantine
2. validate          every table against its suite: a verdict, and data docs
3. require           stop with the reasons where the verdict is no
4. build-features    every domain's feature tables from the lake
5. publish-features  the tables become the installation's; Feast apply; online store filled

Ingest and publish change the installation, so that they always run; both find nothing to do where
nothing is new. The others take their results from an earlier run on the same data and code.
"""

from typing import NamedTuple

from kfp import dsl

from components.common import steps
from feature_repo import steps as features
from pipelines.common.arguments import RunArguments


class Arguments(RunArguments):
    """What a run of the data pipeline can be told."""

    source: str = ""
    """Folder or file to take in; none takes in nothing but the ledger."""
    mapping: str = "finloop"
    """How its columns become ours."""
    include_ledger: bool = True
    """Whether served decisions and their outcomes are taken in."""


class Outputs(NamedTuple):
    """What a run gives."""

    known_until: str
    """The newest moment that the features know of (ISO 8601)."""
    data_digest: str


@dsl.pipeline(name="data", description="Ingest, validate, build features, publish them.")
def PIPELINE(  # noqa: N802 - the name by which the launcher finds it
    source: str = "", mapping: str = "finloop", include_ledger: bool = True
) -> Outputs:
    """See the list at the top of this module."""
    taken = steps.ingest(source=source, mapping=mapping, include_ledger=include_ledger)
    taken.set_caching_options(False)
    made_of = {name: taken.outputs[name] for name in ("data_digest", "code_digest")}
    checked = steps.validate(**made_of)
    required = steps.require(verdict=checked.outputs["verdict"])
    calendar = {name: taken.outputs[name] for name in ("timezone", "refresh_hours")}
    built = features.build_features(**made_of, **calendar).after(required)
    published = features.publish_features(tables=built.outputs["tables"])
    published.set_caching_options(False)
    return Outputs(published.output, taken.outputs["data_digest"])
