"""Held-out clips are predicted once and counted; scores and their uncertainty."""
