"""SRAE: a decision as the sum of a few x-features."""
