"""Readers of the providers' files: one module per product family, native file to fields."""
