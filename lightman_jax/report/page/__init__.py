"""One HTML page out of finished runs, and its tables as text."""
