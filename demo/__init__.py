"""A synthetic company and the story of its loop."""
