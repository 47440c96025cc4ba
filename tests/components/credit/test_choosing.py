"""The simplest of the best is chosen on rows it has not seen, and is what was exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer
from components.common.errors import FinloopError
from components.credit.choosing import ChoosingConfig, Chosen, choose, choose_by_folds
from components.credit.columns import ColumnsConfig
from components.credit.comparing import Judged, auc_difference, roc_auc
from components.credit.explaining import read_explainer
from components.credit.tuning import TuningConfig

Table = tuple[pd.DataFrame, np.ndarray]
KINDS = ("scorecard", "lightgbm")
CONFIG = ChoosingConfig(
    kinds=KINDS,
    columns=ColumnsConfig(protected=("purpose",)),
    monotone={"months": -1},
    tuning=TuningConfig(seconds=1e6, trials=2, folds=2),
)


@pytest.fixture(scope="module")
def chosen(lent: Table, lent_later: Table) -> Chosen:
    rows, bad = lent_later
    return choose(lent, (rows[:700], bad[:700]), CONFIG)


def test_it_ranks_rows_that_nobody_has_seen(chosen: Chosen, lent_later: Table) -> None:
    rows, bad = lent_later
    said = chosen.predict_proba(rows[700:])
    assert roc_auc(Judged(bad[700:].astype(float), said)) > 0.7
    assert said.mean() == pytest.approx(bad[700:].mean(), rel=0.2)


def test_whoever_is_chosen_is_within_one_standard_error_and_none_simpler_is(
    chosen: Chosen,
) -> None:
    told = chosen.comparison()
    assert set(told) == set(KINDS)
    good = [kind for kind in KINDS if told[kind]["behind_the_best"] <= told[kind]["standard_error"]]
    assert chosen.kind == good[0]
    best = max(chosen.entrants.values(), key=lambda one: one.roc_auc)
    for kind, one in chosen.entrants.items():
        assert told[kind]["roc_auc"] == one.roc_auc
        assert told[kind]["behind_the_best"] == pytest.approx(best.roc_auc - one.roc_auc)


def test_a_protected_column_is_no_input(chosen: Chosen, lent_later: Table) -> None:
    assert "purpose" not in chosen.fitted.inputs.columns.names
    rows = lent_later[0]
    np.testing.assert_array_equal(
        chosen.predict_proba(rows.assign(purpose="trip")), chosen.predict_proba(rows)
    )


def test_the_artifact_scores_and_explains_every_kind(
    chosen: Chosen, tmp_path: Path, lent_later: Table
) -> None:
    rows = lent_later[0].head(30)
    for kind, one in chosen.entrants.items():
        one.fitted.export(tmp_path / kind)
        scorer = Scorer.load(tmp_path / kind)
        encoded = one.fitted.inputs.columns.encode(rows)
        np.testing.assert_allclose(scorer.score(encoded), one.fitted.predict_proba(rows), atol=1e-6)
        explainer = read_explainer(tmp_path / kind)
        told = [explainer.contributions(encoded[i : i + 1]).sum() for i in range(len(rows))]
        np.testing.assert_allclose(
            np.array(told) + explainer.shap.expected, one.fitted.margin(rows), atol=1e-4
        )


def test_importance_is_told_of_the_columns_that_there_are(chosen: Chosen) -> None:
    told = chosen.fitted.importance()
    assert set(told) == {"debt", "income", "months", "late_1", "late_2", "late_3"}
    assert min(told.values()) >= 0 and told["debt"] > 0


def test_the_same_seed_chooses_the_same(lent: Table, lent_later: Table) -> None:
    once = ChoosingConfig(kinds=("scorecard",), tuning=TuningConfig(trials=2, folds=2, seconds=1e6))
    rows = lent_later[0]
    one, two = (choose_by_folds((lent[0][:900], lent[1][:900]), once) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(rows), two.predict_proba(rows))


def test_without_refitting_the_later_rows_are_only_judged_on(
    lent: Table, lent_later: Table
) -> None:
    kept = CONFIG.model_copy(
        update={"refit": False, "kinds": ("scorecard",), "tuning": TuningConfig(trials=0, folds=2)}
    )
    found = choose(lent, lent_later, kept)
    (judged,) = found.entrants["scorecard"].judged
    np.testing.assert_array_equal(judged.margin, found.fitted.margin(lent_later[0]))


def test_one_outcome_is_refused(lent: Table) -> None:
    with pytest.raises(FinloopError, match="one outcome only") as refusal:
        choose((lent[0], np.zeros(len(lent[0]))), lent, CONFIG)
    assert refusal.value.code == "one_class"


def test_too_few_of_one_outcome_are_refused(lent: Table) -> None:
    bad = np.zeros(len(lent[0]))
    bad[0] = 1
    with pytest.raises(FinloopError, match="only 1 rows") as refusal:
        choose_by_folds((lent[0], bad), CONFIG)
    assert refusal.value.code == "too_few_rows"


def test_an_unknown_kind_is_one_clear_sentence(lent: Table) -> None:
    with pytest.raises(FinloopError, match="no kind of model named oracle; choose of: scorecard"):
        choose_by_folds(lent, CONFIG.model_copy(update={"kinds": ("oracle",)}))


def test_a_difference_of_paired_areas_has_the_error_of_a_bootstrap() -> None:
    random = np.random.default_rng(0)
    bad = (random.random(1500) < 0.3).astype(float)
    first = bad + random.normal(size=1500)
    second = first + 0.5 * random.normal(size=1500)
    found = auc_difference([Judged(bad, first)], [Judged(bad, second)])
    draws = []
    for _ in range(400):
        pick = random.integers(0, 1500, 1500)
        one, other = (roc_auc(Judged(bad[pick], said[pick])) for said in (first, second))
        draws.append(one - other)
    assert found.standard_error == pytest.approx(np.std(draws), rel=0.15)
    assert found.mean == pytest.approx(np.mean(draws), abs=0.003)
