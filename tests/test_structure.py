"""The house stands: layers, domains, contracts, names, and a light compiler."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from components import domains
from components.common.domain import Domain
from pipelines import launch

ROOT = Path(__file__).parent.parent
LAYERS = ("components", "pipelines", "feature_repo", "serving", "monitoring")
EVERY_DOMAIN = pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.name)


def _python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def test_there_is_a_domain() -> None:
    assert "fraud" in {domain.name for domain in domains()}


@EVERY_DOMAIN
def test_a_domain_declares_every_layer_and_has_it(domain: Domain) -> None:
    assert tuple(domain.layers) == LAYERS
    for layer, path in domain.layers.items():
        assert path.startswith(f"{layer}/"), path
        assert (ROOT / path).exists(), path


@EVERY_DOMAIN
def test_the_readme_links_every_layer_of_a_domain(domain: Domain) -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()))
    assert set(domain.layers.values()) <= linked


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_the_mechanism_names_no_domain() -> None:
    names = "|".join(domain.name for domain in domains())
    mechanism = [
        *(ROOT / "components/common").rglob("*.py"),
        *(ROOT / "serving/common").rglob("*.py"),
    ]
    for file in mechanism:
        found = re.search(
            rf"(?:components|serving|monitoring|feature_repo)\.({names})\b", file.read_text()
        )
        assert found is None, f"{file.relative_to(ROOT)} imports {found and found.group()}"


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "manager", "misc"}
    assert not [file for file in _python_files() if file.stem in drawers]


def test_every_module_says_what_it_is() -> None:
    for file in _python_files():
        assert file.read_text().lstrip().startswith('"""'), file


def test_nothing_unpickles_or_evaluates() -> None:
    forbidden = re.compile(r"\bpickle\.loads?\b|\bjoblib\.load\b|(?<![\w.])eval\(|(?<![\w.])exec\(")
    for file in _python_files():
        if file.is_relative_to(ROOT / "tests"):
            continue
        assert not forbidden.search(file.read_text()), file


@pytest.mark.parametrize("entry", ["import finloop", "import pipelines.launch"])
def test_the_front_door_is_light(entry: str) -> None:
    heavy = ["tensorflow", "mlflow", "feast", "great_expectations", "evidently", "xgboost"]
    code = f"{entry}, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_compiling_a_pipeline_loads_no_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from finloop import app; "
        f"app(['compile', '--out', {str(tmp_path)!r}], standalone_mode=False); "
        "print('tensorflow' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip().endswith("False")
    assert sorted(file.stem for file in tmp_path.iterdir()) == list(launch.names())
