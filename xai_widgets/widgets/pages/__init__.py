"""Pages that work without a notebook."""
