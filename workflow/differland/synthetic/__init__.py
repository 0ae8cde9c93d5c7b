"""A synthetic planet with known parameters, to run a study on without any data."""
