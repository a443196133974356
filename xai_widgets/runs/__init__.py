"""Run folders: what was fitted for a study, kept and found again."""
