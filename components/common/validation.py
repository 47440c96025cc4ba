"""Run the suites of the domains on the lake: a verdict with reasons, and data docs as HTML."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common import lake
from components.common.data_docs import data_docs_page, index_page
from components.common.settings import TELEMETRY_OFF
from components.common.suites import Expectation, Suite
from components.common.verdict import Verdict, combine

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult

ROWS = 250_000
"""Rows of a table that are looked at: all of a smaller one, about as many of a larger one."""
_RESULTS = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
"""Counts and shares without example values, which the docs would show to everyone."""


def validate_lake(root: Path, docs: Path) -> Verdict:
    """Judge every table that a domain has a suite for; details by `<domain>.<table>`.

    Writes `docs/index.html` and one self-contained page per suite. A suite whose tables the lake
    lacks is passed over, or fails where it is required.
    """
    docs.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, Verdict] = {}
    for domain, suite in lake_suites():
        name = f"{domain}.{suite.name}"
        missing = [table for table in suite.tables if not lake.partitions(root, table)]
        if not missing:
            verdicts[name] = validate(read_frame(root, suite), suite, docs / f"{name}.html")
        elif suite.required:
            reason = f"{suite.name}: the lake has no {missing[0]}; ingest a file of them."
            verdicts[name] = Verdict(False, (reason,))
    (docs / "index.html").write_text(index_page(verdicts), encoding="utf-8")
    return combine(verdicts.items())


def lake_suites() -> Iterator[tuple[str, Suite]]:
    """(domain, suite) for each suite in `components/<domain>/expectations.py`."""
    from components import domains

    for domain in domains():
        module = f"components.{domain.name}.expectations"
        if find_spec(module):
            yield from ((domain.name, suite) for suite in import_module(module).SUITES)


def read_frame(root: Path, suite: Suite, rows: int = ROWS) -> pd.DataFrame:
    """The frame that a suite is about, from about `rows` rows of its first table.

    The sample is drawn by a hash, so the same lake has the same one, and the rows of one user (or
    whatever `sample_by` says) stay together: repeated payments are seen in it as well.
    """
    first = suite.tables[0]
    share = -(-lake.count(root, first) // rows)
    with closing(lake.connect()) as connection:
        for table in suite.tables:
            connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM {lake.scan(root, table)}')  # noqa: S608 - contract names
        connection.execute(
            f'CREATE VIEW sampled AS SELECT * FROM "{first}" '  # noqa: S608 - contract names
            f'WHERE hash("{suite.sample_by}") % {share} = 0'
        )
        return connection.sql(suite.sql).df()


def validate(frame: pd.DataFrame, suite: Suite, page: Path) -> Verdict:
    """Judge a frame by a suite and write its data docs page, self-contained HTML.

    details: `rows`, and for each expectation its `type`, what `holds`, `ok`, what was `observed`.
    """
    result = _run(frame, suite)
    page.write_text(data_docs_page(result), encoding="utf-8")
    parts = list(zip(suite.expectations, _in_order(result), strict=True))
    return Verdict(
        ok=bool(result.success),
        reasons=tuple(
            f"{suite.name}: expected that {expected.holds}, but {_observed(each)}."
            for expected, each in parts
            if not each.success
        ),
        details={
            "rows": len(frame),
            "expectations": [
                {
                    "type": expected.type,
                    "holds": expected.holds,
                    "ok": bool(each.success),
                    "observed": _observed(each),
                }
                for expected, each in parts
            ],
        },
    )


def _run(frame: pd.DataFrame, suite: Suite) -> ExpectationSuiteValidationResult:
    """Great Expectations in memory: no project folder, no progress bars, nothing sent anywhere."""
    os.environ.update(TELEMETRY_OFF)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # pyright: ignore[reportAttributeAccessIssue]
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("frame").get_batch({"dataframe": frame})
    expectations = [
        _expectation(place, expected) for place, expected in enumerate(suite.expectations)
    ]
    result = batch.validate(
        gx.ExpectationSuite(suite.name, expectations=expectations), result_format=_RESULTS
    )
    for each in result.results:  # its pages cannot print the scalars of NumPy 2
        if isinstance(each.result.get("observed_value"), np.generic):
            each.result["observed_value"] = each.result["observed_value"].item()
    return result


def _expectation(place: int, expected: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(
        type=expected.type,
        kwargs=dict(expected.kwargs),
        meta={"place": place},
        description=expected.holds[0].upper() + expected.holds[1:],
    ).to_domain_obj()


def _in_order(result: ExpectationSuiteValidationResult) -> list[Any]:
    """The results in the order of the suite; Great Expectations groups them by column."""
    return sorted(result.results, key=lambda each: each.expectation_config.meta["place"])


def _observed(result: Any) -> str:
    """What was found, as a clause without example values."""
    found = result.result
    if "unexpected_count" in found and "element_count" in found:
        looked_at = found["element_count"] - found.get("missing_count", 0)
        return f"{found['unexpected_count']:,} of {looked_at:,} rows differ"
    if found.get("observed_value") is not None:
        return f"the value is {found['observed_value']:.6g}"
    return "it could not be computed"
