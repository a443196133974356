"""The explanation methods: they compute and never display."""
