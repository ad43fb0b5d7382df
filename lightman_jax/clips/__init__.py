"""Rows and frames become TFDS data sets, and these become arrays."""
