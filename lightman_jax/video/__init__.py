"""From a video file to the faces in its frames, and the expressions of each person."""
