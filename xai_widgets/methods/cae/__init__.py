"""CAE: a map of what a classifier distinguishes, and pictures from every point of it."""
