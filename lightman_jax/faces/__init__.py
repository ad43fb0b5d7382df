"""Faces in pictures: detection, landmarks, alignment, optical flow, the apex."""
