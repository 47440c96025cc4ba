"""Lists are written only into a store that was told of them."""

from __future__ import annotations

from pathlib import Path

from components.common.settings import Settings
from components.recommendation.features.states import LISTS
from feature_repo.layout import Layout, View
from feature_repo.recommendation_lists import knows_lists


def test_a_store_that_is_older_than_lists_knows_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not knows_lists(settings)
    settings.feast.mkdir()
    Layout("finloop", {}).write(settings)
    assert not knows_lists(settings)
    Layout("finloop", {LISTS: View(LISTS, "user_id", {}, None)}).write(settings)
    assert knows_lists(settings)
