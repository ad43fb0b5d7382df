"""What training costs: arithmetic, seconds, memory."""
