"""What of a licensed copy or of own files can be used, and what cannot, and why."""
