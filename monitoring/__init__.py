"""What happened afterwards, and what to do about it."""
