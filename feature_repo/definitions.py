"""Everything that Feast knows of, collected from the domains."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from feast import FeatureService, FeatureView
from feast.feast_object import FeastObject

from components import domains
from feature_repo.entities import entity


def definitions(folder: Path) -> list[FeastObject]:
    """Entities, views and services over the feature tables in a folder."""
    modules = [
        import_module(f"feature_repo.{domain.name}")
        for domain in domains()
        if find_spec(f"feature_repo.{domain.name}")
    ]
    views: list[FeatureView] = [view for module in modules for view in module.views(folder)]
    services: list[FeatureService] = [s for module in modules for s in module.services(folder)]
    keys = sorted({name for view in views for name in view.entities})
    return [*map(entity, keys), *views, *services]
