"""Visual summaries: which parts of its pictures a classifier uses for a class."""
