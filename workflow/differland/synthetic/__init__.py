"""A planet of known parameters, to run a study on without any data."""
