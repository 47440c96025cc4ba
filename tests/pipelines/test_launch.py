"""Which pipelines there are, and what they can be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components import domains
from components.common.errors import Exit, FinloopError
from components.common.settings import Settings
from components.fraud.boosting import BoostingConfig
from pipelines import launch


def test_every_pipeline_of_a_domain_is_found() -> None:
    models = {model.name for domain in domains() for model in domain.models}
    assert {"data", *models} <= set(launch.names())
    for name in launch.names():
        module = launch.find(name)
        assert module.PIPELINE.name == name
        assert module.__doc__ is not None
        assert "\n1. " in module.__doc__  # the numbered list of its steps


def test_every_step_is_in_the_list_of_its_pipeline() -> None:
    for name in launch.names():
        module = launch.find(name)
        tasks = module.PIPELINE.pipeline_spec.root.dag.tasks
        listed = [
            line.split()[1] for line in str(module.__doc__).splitlines() if line[:1].isdigit()
        ]
        assert sorted(listed) == sorted(tasks)


def test_steps_that_change_something_are_never_cached() -> None:
    changing = {"ingest", "publish-features", "snapshot", "standing-members", "register"}
    changing |= {"list-everybody"}
    for name in launch.names():
        for task, spec in launch.find(name).PIPELINE.pipeline_spec.root.dag.tasks.items():
            assert spec.caching_options.enable_cache == (task not in changing)


def test_cached_steps_are_told_what_data_and_code_they_are_about() -> None:
    for name in launch.names():
        for task, spec in launch.find(name).PIPELINE.pipeline_spec.root.dag.tasks.items():
            if spec.caching_options.enable_cache and task != "require":
                assert "code_digest" in spec.inputs.parameters
                assert {*spec.inputs.parameters, *spec.inputs.artifacts} & {"data_digest", "frame"}


def test_defaults_of_arguments_are_those_of_the_pipeline() -> None:
    for name in launch.names():
        inputs = launch.find(name).PIPELINE.pipeline_spec.root.input_definitions.parameters
        assert set(launch.resolve(name, {})) == set(inputs)
        assert all(spec.HasField("default_value") for spec in inputs.values())


def test_what_can_be_tuned_becomes_the_configuration() -> None:
    given = {"max_depth": "3", "train_days": "30", "cut_off": "2025-03-01", "author": "kim"}
    values = launch.resolve("fraud-xgboost", given)
    assert BoostingConfig.model_validate_json(values["config"]) == BoostingConfig(max_depth=3)
    assert values["cut_off"] == "2025-03-01T00:00:00+00:00"
    assert (values["train_days"], values["author"]) == (30, "kim")
    assert (
        json.loads(launch.resolve("fraud-xgboost", {})["config"]) == BoostingConfig().model_dump()
    )


def test_a_domain_stands_for_its_only_model() -> None:
    assert launch.find("credit") is launch.find("credit-scoring")
    assert launch.resolve("credit", {}) == launch.resolve("credit-scoring", {})


@pytest.mark.parametrize(
    ("name", "given", "code", "says"),
    [
        (
            "fraud",
            {},
            "unknown_pipeline",
            "no pipeline named 'fraud'; choose one of: credit-scoring, data, ",
        ),
        ("launch", {}, "unknown_pipeline", "no pipeline named 'launch'"),
        ("data", {"sorce": "x"}, "unknown_argument", "no argument named 'sorce'; it has: source"),
        (
            "data",
            {"include_ledger": "perhaps"},
            "bad_argument",
            "data cannot take include_ledger=perhaps",
        ),
        (
            "fraud-xgboost",
            {"max_depth": "deep"},
            "bad_argument",
            "cannot take max_depth=deep: it must",
        ),
        ("fraud-xgboost", {"test_days": "0"}, "bad_argument", "cannot take test_days=0: it must"),
        ("fraud-xgboost", {"config": "{}"}, "unknown_argument", "no argument named 'config'"),
        ("fraud-xgboost", {"cut_off": "soon"}, "bad_argument", "cannot take cut_off=soon: it must"),
    ],
)
def test_bad_arguments_are_one_sentence(
    tmp_path: Path, name: str, given: dict[str, str], code: str, says: str
) -> None:
    with pytest.raises(FinloopError) as caught:
        launch.run(name, given, Settings(home=tmp_path / "home"))
    assert (caught.value.code, caught.value.exit_status) == (code, Exit.BAD_INPUT)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert not (tmp_path / "home").exists()
