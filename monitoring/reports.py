"""Keep Evidently reports: in a workspace that `evidently ui` shows, and as HTML files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID, uuid5

from monitoring.windows import SCORE

if TYPE_CHECKING:
    from evidently.core.report import Snapshot
    from evidently.sdk.models import DashboardModel
    from evidently.ui.workspace import Workspace

    from monitoring.windows import Window

REPORTS = "reports"
"""Folder of the HTML files inside the workspace; Evidently only looks at its projects."""


def keep(
    workspace: Path,
    model: str,
    window: Window,
    version: str,
    report: Snapshot,
    panels: Sequence[str],
) -> Path:
    """Keep one report in both forms and give the HTML file; keeping it again replaces it.

    `panels` are the inputs whose drift the dashboard of the model plots over time.
    """
    from evidently.ui.workspace import Workspace

    key = window.key(version)
    report.set_name(key)
    snapshot = report.to_snapshot_model()
    snapshot.timestamp = window.since
    project = uuid5(NAMESPACE_URL, f"finloop/{model}")
    folder = Workspace.create(str(workspace))
    with TemporaryDirectory(prefix=".evidently-", dir=workspace.parent) as aside:
        known = folder.get_project(project) is not None
        place = folder if known else _with_project(Path(aside), project, model, panels)
        place.state.write_snapshot(project, uuid5(project, key), snapshot)
        if not known:
            (Path(aside) / str(project)).rename(workspace / str(project))
    return _save_html(
        workspace / REPORTS / f"{model}-{re.sub(r'[^0-9A-Za-z-]+', '_', key)}.html", report
    )


def _with_project(aside: Path, project: UUID, model: str, panels: Sequence[str]) -> Workspace:
    """A workspace aside with the project of a model and its dashboard.

    A project has to appear in the real one as a whole: an `evidently ui` that watches it reads the
    description as soon as the file is there, and never looks again where that was still empty.
    """
    from evidently.sdk.models import ProjectModel
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(aside))
    workspace.add_project(
        ProjectModel(id=project, name=model, description="Drift against the training sample")
    )
    workspace.save_dashboard(project, _dashboard(panels))
    return workspace


def _dashboard(columns: Sequence[str]) -> DashboardModel:
    """One tab with two plots over time, made as a whole: `add_panel` lists a second panel twice."""
    from evidently.sdk.models import DashboardModel, DashboardTabModel, PanelMetric
    from evidently.sdk.panels import line_plot_panel

    share = PanelMetric(
        legend="share", metric="DriftedColumnsCount", metric_labels={"value_type": "share"}
    )
    drift = [
        PanelMetric(legend=name, metric="ValueDrift", metric_labels={"column": name})
        for name in (SCORE, *columns)
    ]
    panels = [
        line_plot_panel("Share of inputs that drifted", [share], size="half"),
        line_plot_panel("Population stability index", drift, size="half"),
    ]
    tab = DashboardTabModel(title="Drift", panels=[panel.id for panel in panels])
    return DashboardModel(tabs=[tab], panels=panels)


def _save_html(path: Path, report: Snapshot) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    report.save_html(str(fresh))
    return fresh.replace(path)
