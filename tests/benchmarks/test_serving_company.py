"""What services under test are asked is what they take, once each, in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.serving_company import Company, applications, payments
from components.common.settings import Settings
from demo.world import WorldConfig, simulate, write
from serving.credit.schemas import Application
from serving.fraud.schemas import Payment

NEWEST = datetime(2025, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("company")
    world = simulate(WorldConfig(users=30, merchants=20, days=10))
    write(world.tables, folder / "world")
    return Company(Settings(home=folder / "home"), folder / "world", NEWEST)


def test_every_application_is_another_one_after_all_that_is_known(
    company: Company, tmp_path: Path
) -> None:
    again = applications(company)
    files = [again.write(tmp_path / name, 150) for name in ("first", "second")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    asked = [Application.model_validate_json(line) for line in lines]
    assert len({one.application_id for one in asked}) == 300
    moments = [one.event_timestamp for one in asked]
    assert moments == sorted(set(moments)) and moments[0] > NEWEST


def test_every_payment_is_one_that_the_services_take(company: Company, tmp_path: Path) -> None:
    lines = payments(company).write(tmp_path / "payments", 50).read_text().splitlines()
    asked = [Payment.model_validate_json(line) for line in lines]
    assert len({one.transaction_id for one in asked}) == 50
