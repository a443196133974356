"""The Workbench: all views on one selection."""
