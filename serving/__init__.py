"""Answers over HTTP, in milliseconds, each of them written down."""
