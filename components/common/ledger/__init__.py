"""The append-only record of what was decided, what turned out, and who let what go out.

The map: `book.py` the ledger itself, `tables.py` what it holds, `chain.py` why nobody can change it
unseen, `verify.py` looks whether somebody did, `sqlite.py` and
`postgres.py` where it is kept, `older.py` takes up
files of an older layout.
"""

from components.common.ledger.book import Begun, Ledger, Named, has_ledger, open_ledger
from components.common.ledger.tables import canonical_json
from components.common.records import Record

__all__ = ["Begun", "Ledger", "Named", "Record", "canonical_json", "has_ledger", "open_ledger"]
