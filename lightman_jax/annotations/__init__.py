"""Annotation sheets become rows: reading, checking, action units."""
