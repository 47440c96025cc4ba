"""Feast: entities, views and services."""

from components.common.feast_import import skip_argument_checks

skip_argument_checks()
