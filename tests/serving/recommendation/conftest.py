"""The company that the tests of recommendation share."""

from __future__ import annotations

from tests.recommendation_company import shops

__all__ = ["shops"]
