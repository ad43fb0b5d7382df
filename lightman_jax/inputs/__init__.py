"""What the network sees, computed once: flow, differences, frames, landmarks."""
