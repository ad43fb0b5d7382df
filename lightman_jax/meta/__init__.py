"""Methods: inner loop, alignment, losses, and the ways of the outer gradient."""
