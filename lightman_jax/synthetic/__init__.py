"""Synthetic faces: people, emotions, muscles and a camera, in NumPy and OpenCV."""
