"""Walk the chain and say what does not fit: one moment, a page in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from heapq import merge
from operator import itemgetter
from typing import Any

from components.common.errors import bad_input
from components.common.ledger.book import Ledger
from components.common.ledger.chain import GENESIS, commit, follow
from components.common.ledger.places import Places
from components.common.ledger.store import Store
from components.common.ledger.tables import TABLES, LedgerTable

_PAGE = 5_000
_SHOWN = 20
ERASED = "erased"


@dataclass(frozen=True)
class Fault:
    """Something that nobody has recorded in this way."""

    segment: int
    seq: int | None
    """Place of the row; None where the segment as a whole is meant."""
    sentence: str


@dataclass
class Verification:
    """What a walk over the chain found."""

    segments: int = 0
    rows: int = 0
    erased: int = 0
    head: str = GENESIS.hex()
    """Link of the last row. Kept elsewhere, as SEQ:HEAD, it proves later that nothing behind it was
    replaced, not even with the whole chain made anew."""
    last_seq: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    """The first of them."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.fault_count == 0

    def add(self, segment: int, seq: int | None, sentence: str) -> None:
        """Note a fault."""
        self.fault_count += 1
        if len(self.faults) < _SHOWN:
            self.faults.append(Fault(segment, seq, sentence))

    def as_json(self) -> dict[str, Any]:
        """One JSON object for programs."""
        return {"ok": self.ok, **asdict(self)}


@dataclass(frozen=True)
class Anchor:
    """A head of the chain that was noted earlier."""

    seq: int
    head: str

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """From SEQ:HEAD."""
        seq, _, head = text.partition(":")
        if not seq.isdecimal() or len(head) != 2 * len(GENESIS):
            raise bad_input("bad_anchor", f"{text!r} is no SEQ:HEAD as a verification prints it.")
        return cls(int(seq), head.lower())


def verify(
    ledger: Ledger,
    segment: int | None = None,
    anchor: Anchor | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Verification:
    """Check every segment, or one alone; `progress` hears how many rows were seen."""
    with ledger.reading() as store:
        return _Walk(store, anchor, progress).over(segment)


class _Walk:
    def __init__(
        self, store: Store, anchor: Anchor | None, progress: Callable[[int], None]
    ) -> None:
        self._store = store
        self._anchor = anchor
        self._progress = progress
        self._found = Verification()
        self._named = _named(store)

    def over(self, only: int | None) -> Verification:
        segments = self._store.rows("SELECT * FROM segments ORDER BY segment")
        self._lead_into_each_other(segments)
        chosen = [one for one in segments if only in (None, one["segment"])]
        if only is not None and not chosen:
            raise bad_input("unknown_segment", f"The ledger has no segment {only}.")
        for one in chosen:
            self._segment(one)
        if only is None:
            self._behind_the_end(segments[-1] if segments else None)
            self._anchored()
        return self._found

    def _lead_into_each_other(self, segments: Sequence[dict[str, Any]]) -> None:
        head, seq = GENESIS, 0
        for number, one in enumerate(segments, start=1):
            if (one["segment"], one["first_seq"], bytes(one["head_before"])) != (
                number,
                seq + 1,
                head,
            ):
                self._found.add(
                    number, None, f"Segment {number} does not begin where the one before it ends."
                )
            head, seq = bytes(one["head"]), one["last_seq"]

    def _segment(self, segment: dict[str, Any]) -> None:
        number = segment["segment"]
        link: bytes | None = bytes(segment["head_before"])
        expected = segment["first_seq"]
        for row in self._rows(segment["first_seq"], segment["last_seq"]):
            if row["seq"] < expected:
                self._found.add(
                    number,
                    row["seq"],
                    f"{_name(row)} of segment {number} stands in the place of another one.",
                )
                continue
            if row["seq"] > expected:
                self._missing(number, expected, row["seq"] - 1)
                link = None
            self._row(number, row, link)
            link, expected = bytes(row["link"]), row["seq"] + 1
        if expected <= segment["last_seq"]:
            self._missing(number, expected, segment["last_seq"])
        elif link != bytes(segment["head"]):
            self._found.add(
                number, None, f"The last row of segment {number} is not the one that it ended with."
            )
        self._found.segments += 1
        self._found.head, self._found.last_seq = bytes(segment["head"]).hex(), segment["last_seq"]

    def _row(self, segment: int, row: dict[str, Any], before: bytes | None) -> None:
        self._found.rows += 1
        if row["table"] is None:
            self._found.erased += 1
            commitment = bytes(row["commitment"])
            if row["seq"] not in self._named:
                self._found.add(
                    segment,
                    row["seq"],
                    f"Row {row['seq']} of segment {segment} was removed, and no erasure names it.",
                )
        else:
            table: LedgerTable = row["table"]
            values = [row[name] for name in table.names]
            commitment = commit(bytes(row["salt"]), table.name, row["seq"], values)
        if before is not None and follow(before, commitment) != bytes(row["link"]):
            self._found.add(
                segment, row["seq"], f"{_name(row)} of segment {segment} is not what was written."
            )
        if (
            self._anchor
            and self._anchor.seq == row["seq"]
            and self._anchor.head != bytes(row["link"]).hex()
        ):
            self._found.add(
                segment,
                row["seq"],
                f"The chain up to row {row['seq']} is not the one that led to {self._anchor.head}.",
            )

    def _missing(self, segment: int, first: int, last: int) -> None:
        which = f"Row {first} is" if first == last else f"Rows {first} to {last} are"
        self._found.add(segment, first, f"{which} missing from segment {segment}.")

    def _rows(self, first: int, last: int) -> Iterator[dict[str, Any]]:
        """Rows of all tables in the order of their places."""
        for low in range(first, last + 1, _PAGE):
            high = min(low + _PAGE - 1, last)
            yield from merge(*self._page(low, high), key=itemgetter("seq"))
            self._progress(high)

    def _page(self, low: int, high: int) -> Iterator[list[dict[str, Any]]]:
        within = "WHERE seq BETWEEN ? AND ? ORDER BY seq"
        for table in TABLES:
            names = ", ".join(table.names)
            sql = f"SELECT seq, {names}, salt, link FROM {table.name} {within}"  # noqa: S608 - our names
            yield [{**row, "table": table} for row in self._store.rows(sql, (low, high))]
        sql = f"SELECT seq, commitment, link FROM {ERASED} {within}"  # noqa: S608 - our name
        yield [{**row, "table": None} for row in self._store.rows(sql, (low, high))]

    def _behind_the_end(self, last: dict[str, Any] | None) -> None:
        number, end = (last["segment"], last["last_seq"]) if last else (0, 0)
        for name in (*(table.name for table in TABLES), ERASED):
            sql = f"SELECT seq FROM {name} WHERE seq > ? OR seq < 1 LIMIT {_SHOWN}"  # noqa: S608 - our names
            for row in self._store.rows(sql, (end,)):
                self._found.add(
                    number, row["seq"], f"Row {row['seq']} of {name} is not part of the chain."
                )

    def _anchored(self) -> None:
        if self._anchor and self._anchor.seq > self._found.last_seq:
            self._found.add(
                self._found.segments,
                None,
                f"The chain ends before the row {self._anchor.seq} that was noted.",
            )


def _named(store: Store) -> Places:
    """Every place that an erasure names."""
    bodies = store.rows("SELECT body FROM erasures ORDER BY seq")
    return Places.of_bodies(row["body"] for row in bodies)


def _name(row: dict[str, Any]) -> str:
    return f"Row {row['seq']} ({row['table'].name if row['table'] else ERASED})"
