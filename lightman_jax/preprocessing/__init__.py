"""Stored clips become network inputs: optical flow, strain, augmentation."""
