"""Synthetic faces: people, emotions, muscles and a camera, in NumPy and OpenCV.

`scenes.plan` says what happens in every clip, `scenes.render` makes its pictures.
"""
