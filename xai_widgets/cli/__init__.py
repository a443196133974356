"""The command ``xai-widgets``."""
