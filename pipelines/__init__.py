"""Order only: one pipeline per file."""
