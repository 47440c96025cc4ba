"""Scores of credit applications."""
