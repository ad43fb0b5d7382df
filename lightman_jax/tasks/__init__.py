"""Folds over people, and the tasks that are drawn inside of one."""
