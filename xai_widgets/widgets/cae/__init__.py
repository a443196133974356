"""The Manifold view."""
