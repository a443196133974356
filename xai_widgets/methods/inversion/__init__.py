"""Guided feature inversion: where in a picture a classifier finds its evidence for a class."""
