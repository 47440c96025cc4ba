"""Feast: entities, views and services."""
