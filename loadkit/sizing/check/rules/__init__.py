"""What must hold of configs: one module for each kind of piece, one for pieces together, one for a plan's own files."""
