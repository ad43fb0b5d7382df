"""Held-out clips predicted, counted, compared."""
