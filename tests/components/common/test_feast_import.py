"""Feast is imported without rewriting its classes, and works all the same."""

from __future__ import annotations

import subprocess
import sys


def _says(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_our_feature_repo_imports_feast_unrewritten() -> None:
    code = (
        "import feature_repo.entities, feast; "
        "print(feast.Entity.__init__.__code__.co_filename.endswith('entity.py'), "
        "'TypeCheckMemo' in feast.Entity.__init__.__code__.co_names)"
    )
    assert _says(code) == "True False"


def test_feast_alone_would_rewrite_them() -> None:
    code = "import feast; print('TypeCheckMemo' in feast.Entity.__init__.__code__.co_names)"
    assert _says(code) == "True"


def test_both_forms_of_the_decorator_leave_what_they_decorate() -> None:
    code = (
        "from components.common.feast_import import skip_argument_checks; skip_argument_checks(); "
        "import typeguard; f = lambda: 7; "
        "print(typeguard.typechecked(f) is f, typeguard.typechecked(always=True)(f) is f)"
    )
    assert _says(code) == "True True"
