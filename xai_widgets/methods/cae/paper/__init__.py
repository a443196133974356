"""The published class association embedding."""
