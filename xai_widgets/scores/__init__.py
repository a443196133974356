"""What makes an explanation believable: measures against the truth of the field guide, beside their baselines."""
