"""Data docs as files that open without a network: what a suite found, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from components.common.verdict import Verdict

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

_FETCHED = re.compile(
    "|".join(
        (
            r"<script\b[^>]*\bsrc=[^>]*>\s*</script>",
            r"<link\b[^>]*>",
            r"<img\b[^>]*>",
            r"@import[^;]*;",
            r"url\((?!['\"]?(?:#|data:))[^)]*\)",
        )
    ),
    re.DOTALL | re.IGNORECASE,
)
"""What a page of Great Expectations would load: scripts, styles, fonts and pictures of others."""
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #222; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
td, th { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.fa-check-circle::before { content: "\\2714"; color: #1a7f37; }
.fa-times::before, .fa-exclamation-triangle::before { content: "\\2718"; color: #b3261e; }
.ge-walkthrough-modal, .modal, [hidden] { display: none; }
</style>"""


def data_docs_page(result: ExpectationSuiteValidationResult) -> str:
    """The Great Expectations page of a validation, without what a browser would fetch."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    document = ValidationResultsPageRenderer().render(result)
    page = _FETCHED.sub("", DefaultJinjaPageView().render(document))
    return page.replace("</head>", f"{_STYLE}</head>", 1)


def index_page(verdicts: Mapping[str, Verdict]) -> str:
    """A page with every suite, its verdict and its reasons; links to the page of each suite."""
    rows = "".join(
        f'<tr><td><a href="{escape(name)}.html">{escape(name)}</a></td>'
        f"<td>{'holds' if verdict.ok else 'FAILS'}</td><td>{verdict.details.get('rows', 0):,}</td>"
        f"<td>{'<br>'.join(map(escape, verdict.reasons))}</td></tr>"
        for name, verdict in verdicts.items()
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Validation</title>'
        f"{_STYLE}</head><body><h1>What the tables of the lake look like</h1><table>"
        f"<tr><th>Suite</th><th>Verdict</th><th>Rows looked at</th><th>Reasons</th></tr>{rows}"
        "</table></body></html>\n"
    )
