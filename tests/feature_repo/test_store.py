"""The feature store: what it knows, what is online, and that nothing is written down twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.common.settings import Settings
from components.fraud import XGBOOST
from components.fraud.features import FEATURES, MODEL_INPUT, TABLES
from components.fraud.history import History
from feature_repo import store as feature_store
from tests.feature_repo.conftest import DAYS, START, USERS, Company, write_tables

_USERS, _MERCHANTS = TABLES[1], TABLES[2]


def test_the_service_has_every_model_input_in_order(company: Company) -> None:
    service = company.store.get_feature_service(XGBOOST.feature_service)
    names = [f.name for p in service.feature_view_projections for f in p.features]
    assert tuple(names) == MODEL_INPUT


def test_every_feature_keeps_its_description(company: Company) -> None:
    described = {
        field.name: field.description
        for view in company.store.list_batch_feature_views()
        for field in view.features
    }
    assert all(described[f.name] == f"{f.description} ({f.unit})" for f in FEATURES)


def test_only_what_a_request_cannot_compute_is_online(company: Company) -> None:
    online = {v.name for v in company.store.list_batch_feature_views() if v.online}
    assert {"fraud_user_daily", "fraud_merchant_daily", "fraud_user_history"} <= online
    assert "fraud_transaction" not in online


def test_online_rows_are_the_newest_and_nulls_stay_null(company: Company) -> None:
    table = pd.read_parquet(company.settings.feature_tables / f"{_USERS.name}.parquet")
    newest = table.sort_values("event_timestamp").groupby("user_id").tail(1).set_index("user_id")
    assert len(newest) == USERS
    assert newest[list(_USERS.names)].isna().any(axis=None)
    for user, row in newest.iterrows():
        found = _online(company, _USERS.name, "user_id", str(user), _USERS.names)
        for name in _USERS.names:
            assert found[name] == (None if pd.isna(row[name]) else row[name])
            assert found[f"{name}__ts"] == int(row["event_timestamp"].timestamp())


def test_who_is_not_there_has_no_timestamp(company: Company) -> None:
    found = _online(company, _MERCHANTS.name, "merchant_id", "nobody", _MERCHANTS.names)
    assert {found[name] for name in _MERCHANTS.names} == {None}
    assert {found[f"{name}__ts"] for name in _MERCHANTS.names} == {0}


def test_a_history_comes_back_as_it_was(company: Company) -> None:
    columns = list(History().to_columns())
    user = company.events["user_id"].iloc[0]
    found = _online(company, "fraud_user_history", "user_id", user, tuple(columns))
    history = History.from_columns({name: found[name] for name in columns})
    assert (history.amounts, history.device_ids, history.latitudes) == ((2.5,), (None,), (None,))
    assert history.longitudes == (3.0,)


def test_materialize_sees_nothing_after_its_moment(company: Company, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    write_tables(settings.feature_tables)
    as_of = START + timedelta(days=10, hours=5)
    store = feature_store.apply(settings)
    feature_store.materialize(settings, as_of, store)
    fresh = Company(settings, store, company.events)
    stamps = [
        _online(fresh, _USERS.name, "user_id", f"u{n}", _USERS.names)[f"{_USERS.names[0]}__ts"]
        for n in range(USERS)
    ]
    assert max(stamps) <= as_of.timestamp()
    assert max(stamps) > (as_of - timedelta(days=DAYS)).timestamp()


def test_applying_twice_changes_nothing_and_forgets_what_is_gone(company: Company) -> None:
    before = {view.name for view in company.store.list_batch_feature_views()}
    old = company.store.get_feature_view(_USERS.name)
    old.name = "of_another_time"
    company.store.apply([old])
    store = feature_store.apply(company.settings)
    assert {view.name for view in store.list_batch_feature_views()} == before
    assert store.get_feature_view(_USERS.name).features == old.features


def test_a_table_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    store = feature_store.apply(settings)
    with pytest.raises(FinloopError, match="run `finloop run data` first") as caught:
        feature_store.materialize(settings, START, store)
    assert caught.value.code == "features_missing"


def _online(
    company: Company, view: str, key: str, name: str, features: tuple[str, ...]
) -> dict[str, Any]:
    answer = company.store.get_online_features(
        features=[f"{view}:{feature}" for feature in features], entity_rows=[{key: name}]
    )
    return {k: v[0] for k, v in answer.to_dict(include_event_timestamps=True).items()}
