"""What a clip goes through before it is stored: faces, alignment, apex, sampling."""
