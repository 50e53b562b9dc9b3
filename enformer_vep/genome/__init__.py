"""Reading variants and reference sequence, and turning them into windows."""
