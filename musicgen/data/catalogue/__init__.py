"""Metadata, selection and splitting of pieces."""
