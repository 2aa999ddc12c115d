"""Datasets, augmentation, samplers and Lightning data modules."""
