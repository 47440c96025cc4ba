"""Rules: what people have decided beforehand about payments, beside the model.

The map: `schema.py` what a rule file looks like, `fields.py` what a rule may look at,
`conditions.py` and `expressions.py` from a condition to a predicate, `ruleset.py` a file that was
read and checked, `precedence.py` who overrides whom, `shipped.yaml` the rules that come with the
product, `trial.py` what a rule file would have decided on the ledger.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from components.fraud.rules.ruleset import RuleSet

if TYPE_CHECKING:
    from components.common.ledger import Ledger

SHIPPED = Path(__file__).with_name("shipped.yaml")
"""The rules that decide where a released artifact brings none of its own."""
FILE = "rules.yaml"
"""Name of the rule file in the folder of an artifact."""


@lru_cache(maxsize=16)
def rules_in_force(directory: Path | None = None) -> RuleSet:
    """The rules beside an artifact in `directory`, or the shipped ones where it has none.

    A folder of an artifact is sealed, so that what was read once stays true. Raises
    `FinloopError("rules_invalid")` where the file cannot be used.
    """
    own = directory / FILE if directory is not None else None
    return RuleSet.read(own if own is not None and own.exists() else SHIPPED)


def rules_of_late(ledger: Ledger, domain: str) -> RuleSet:
    """The rules of the newest decision in the ledger, or the shipped ones before the first."""
    newest = ledger.rows(
        "SELECT features FROM decisions WHERE domain = ? ORDER BY seq DESC LIMIT 1", domain
    )
    digest = json.loads(newest[0]["features"]).get("rules") if newest else None
    told = (event.body for event in ledger.events("rules", domain) if event.key == digest)
    content = next(told, None)
    return RuleSet.of(content) if content is not None else rules_in_force()
