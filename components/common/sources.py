"""Foreign files: which there are, and which contract table each one is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.common import lake
from components.common.errors import bad_input
from components.common.mappings import Mapping, TableMapping


@dataclass(frozen=True)
class Source:
    """One foreign table: a file, or the files of a folder."""

    name: str
    """As a person would call it: `transactions.parquet`."""
    files: tuple[Path, ...]
    kind: Literal["parquet", "csv"]

    def digest(self) -> str:
        """SHA-256 over the bytes of the files."""
        whole = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    @property
    def sql(self) -> str:
        """The source in a FROM clause; every column of a CSV file is text."""
        files = "[" + ", ".join(lake.quote(path) for path in self.files) + "]"
        if self.kind == "parquet":
            return f"read_parquet({files}, union_by_name = true, hive_partitioning = false)"
        return (  # nothing about the layout is guessed: a guess could skip rows in silence
            f"read_csv({files}, all_varchar = true, header = true, skip = 0, delim = ',', "
            "quote = '\"', escape = '\"', comment = '', strict_mode = true, union_by_name = true, "
            "hive_partitioning = false)"
        )


def find_sources(folder: Path, mapping: Mapping) -> list[tuple[TableMapping, Source]]:
    """The tables of a mapping that a folder (or one file) has, references first.

    Raises `FinloopError` where there is no such folder, none of the tables is there, or a data file
    belongs to no table of the mapping.
    """
    if not folder.exists():
        raise bad_input("no_source", f"There is no file or folder {folder}; check its name.")
    found: dict[str, Source] = {}
    for path in [folder] if folder.is_file() else sorted(folder.iterdir()):
        source = open_source(path)
        if source is None:
            continue
        if path.stem in found:
            raise bad_input(
                "ambiguous_source",
                f"{folder} has both {found[path.stem].name} and {source.name}; keep one of them.",
            )
        found[path.stem] = source
    _check_names(folder, mapping, found)
    return [(table, found[table.source]) for table in mapping.tables if table.source in found]


def open_source(path: Path) -> Source | None:
    """The data of a file or folder; None where it is neither parquet nor CSV."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for kind in ("parquet", "csv"):
        data = tuple(file for file in files if file.suffix == f".{kind}")
        if data:
            return Source(path.name, data, kind)
    return None


def _check_names(folder: Path, mapping: Mapping, found: dict[str, Source]) -> None:
    wanted = sorted({table.source for table in mapping.tables})
    strange = sorted(set(found) - set(wanted))
    if strange:
        raise bad_input(
            "unknown_table",
            f"{found[strange[0]].name} is no table of the mapping {mapping.name!r}; name it one of "
            f"{', '.join(wanted)}, or move it out of {folder}.",
        )
    if not found:
        raise bad_input(
            "no_tables",
            f"{folder} has no table of the mapping {mapping.name!r}; put a parquet or CSV file "
            f"there named after one of these: {', '.join(wanted)}.",
        )
