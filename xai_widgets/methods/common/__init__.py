"""What several methods share: the base of all explainers, codes of layers, checkpoints, estimates."""
