"""What `doctor` is made of: what there is, what is wrong with it, and how both are told."""
