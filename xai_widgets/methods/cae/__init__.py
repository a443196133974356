"""CAE: a map of what a classifier distinguishes, and pictures from every place on it."""
