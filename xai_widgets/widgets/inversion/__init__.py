"""The Evidence view."""
