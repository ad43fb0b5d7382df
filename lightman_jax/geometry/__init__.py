"""What a clip goes through before it is stored: sampling in time, landmarks."""
