"""Keep Evidently reports: in a workspace that `evidently ui` shows, and as HTML files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
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
    folder = Workspace.create(str(workspace))
    project = _project(folder, model, panels)
    folder.state.write_snapshot(project, uuid5(project, key), snapshot)
    return _save_html(
        workspace / REPORTS / f"{model}-{re.sub(r'[^0-9A-Za-z-]+', '_', key)}.html", report
    )


def _project(workspace: Workspace, model: str, panels: Sequence[str]) -> UUID:
    """The project of a model, made with its dashboard on first use; always of the same id."""
    from evidently.sdk.models import ProjectModel

    name = uuid5(NAMESPACE_URL, f"finloop/{model}")
    if workspace.get_project(name) is None:
        workspace.add_project(
            ProjectModel(id=name, name=model, description="Drift against the training sample")
        )
        workspace.save_dashboard(name, _dashboard(panels))
    return name


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
