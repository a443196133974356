"""The Layer view."""
