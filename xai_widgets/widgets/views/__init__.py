"""Drawn views: they show what they are given, in a notebook and on a page."""
