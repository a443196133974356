"""The Summaries view."""
