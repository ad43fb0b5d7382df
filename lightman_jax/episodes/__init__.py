"""Inputs become folds, and folds become tasks."""
