"""The Concepts view."""
