"""Tests report to nobody either."""

from __future__ import annotations

import os

from components.common.settings import TELEMETRY_OFF

os.environ.update(TELEMETRY_OFF)
