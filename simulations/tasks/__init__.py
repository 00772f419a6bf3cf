"""Tasks that networks are trained on, one file each."""
