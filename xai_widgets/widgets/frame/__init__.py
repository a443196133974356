"""What all widgets share: the frame, the selection, background work."""
