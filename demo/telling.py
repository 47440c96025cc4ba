"""How the story is told: one line a chapter while it runs, a table and a file at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from components.common.errors import FinloopError


@dataclass
class Chapter:
    """One step of the story and what it found."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    """Numbers and names that the step produced; they end in the file and in tests."""
    summary: str = ""
    """What a person should remember of it."""


class Teller:
    """Tells chapters as they happen and remembers them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.chapters: list[Chapter] = []
        self._begun = time.monotonic()

    @contextmanager
    def chapter(self, name: str, title: str) -> Iterator[Chapter]:
        """Run one step: its title before, its summary and seconds after, its error if it fails."""
        chapter = Chapter(name)
        self.chapters.append(chapter)
        self.console.print(f"\n[bold]{len(self.chapters)}. {title}[/bold]", highlight=False)
        begun = time.monotonic()
        try:
            yield chapter
            chapter.ok = True
        except FinloopError as error:
            chapter.summary = error.message
            raise
        except KeyboardInterrupt:
            chapter.summary = "Interrupted."
            raise
        except Exception as error:
            chapter.summary = f"{type(error).__name__}: {error}"
            raise
        finally:
            chapter.seconds = round(time.monotonic() - begun, 1)
            mark = "[green]done[/green]" if chapter.ok else "[red]failed[/red]"
            self.say(f"{mark} in {chapter.seconds:.0f} s. {chapter.summary}")

    def say(self, sentence: str) -> None:
        """One line of the running chapter."""
        self.console.print(f"   {sentence}", highlight=False, soft_wrap=True)

    @property
    def report(self) -> dict[str, Any]:
        """The story as one object: `ok`, `seconds`, and its steps with their facts."""
        return {
            "ok": bool(self.chapters) and all(chapter.ok for chapter in self.chapters),
            "seconds": round(time.monotonic() - self._begun, 1),
            "steps": [
                {"name": c.name, "ok": c.ok, "seconds": c.seconds, "summary": c.summary, **c.facts}
                for c in self.chapters
            ],
        }

    def finish(self, path: Path) -> dict[str, Any]:
        """Show the table and write the report to `path`."""
        report = self.report
        table = Table("", "step", "seconds", "what happened", title="The loop, told once")
        for step in report["steps"]:
            mark = "[green]✓[/green]" if step["ok"] else "[red]✗[/red]"
            table.add_row(mark, step["name"], f"{step['seconds']:.0f}", step["summary"])
        self.console.print()
        self.console.print(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        return report
