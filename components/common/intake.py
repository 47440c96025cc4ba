"""What the data pipeline does with the lake: take in, and judge."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from components.common import lake
from components.common.evidence import write_json
from components.common.feature_tables import check_lake
from components.common.ingest import ingest, ingest_ledger
from components.common.ledger import has_ledger
from components.common.settings import Settings
from components.common.validation import validate_lake
from components.common.verdict_file import write_verdict


def take_in(
    settings: Settings, source: str, mapping: str, include_ledger: bool, report: Path
) -> str:
    """Take a source and the ledger into the lake and report on it; the digest of the lake.

    source: folder or file, or "" for none. Raises `FinloopError` where it cannot be used.
    """
    now = datetime.now(UTC)
    reports = []
    if source:
        reports.append(ingest(Path(source), mapping, settings, now))
    if include_ledger and has_ledger(settings):
        reports.append(ingest_ledger(settings, now))
    write_json(report, [each.as_json() for each in reports])
    return reports[-1].digest if reports else lake.digest(settings.lake)


def judge_lake(settings: Settings, data_digest: str, verdict: Path, docs: Path) -> None:
    """Run every suite on the lake of that digest; write the verdict, and data docs as one page."""
    check_lake(settings.lake, data_digest)
    with tempfile.TemporaryDirectory(prefix="finloop-") as folder:
        judged = validate_lake(settings.lake, Path(folder))
        docs.parent.mkdir(parents=True, exist_ok=True)
        docs.write_text(_one_page(Path(folder)), encoding="utf-8")
    write_verdict(judged, verdict)


def _one_page(folder: Path) -> str:
    """The index with every page in it: KFP shows one file per artifact."""
    index = (folder / "index.html").read_text(encoding="utf-8")
    for page in sorted(folder.glob("*.*.html")):
        frame = escape(page.read_text(encoding="utf-8"), quote=True)
        index = index.replace(f'href="{page.name}"', f'href="#{page.stem}"')
        index = index.replace(
            "</body>",
            f'<h2 id="{page.stem}">{page.stem}</h2><iframe sandbox srcdoc="{frame}" '
            'style="width:100%;height:80vh;border:0"></iframe></body>',
        )
    return index
