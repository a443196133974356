"""Colours that every kind of colour vision tells apart, and those of the host's theme."""

from __future__ import annotations

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
VERMILION, SKY, YELLOW, BROWN = "#D55E00", "#56B4E9", "#F0E442", "#A05A2C"

PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW, BROWN)
"""Okabe and Ito's colours, with brown in place of black, which is lost on a dark ground."""

INK, QUIET = "var(--jp-ui-font-color1, gray)", "var(--jp-ui-font-color2, gray)"
"""The host's text, which is dark in a light theme and light in a dark one; grey is legible where there is no host."""

GROUND, RAISED = "var(--jp-layout-color1, white)", "var(--jp-layout-color2, #eceef0)"
ACCENT = f"var(--jp-brand-color1, {BLUE})"
