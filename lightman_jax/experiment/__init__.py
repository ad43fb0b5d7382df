"""A configuration becomes a run, a sweep of runs, and what is checked of them."""
