"""The run folder: metrics log, tables, figures, environment."""
