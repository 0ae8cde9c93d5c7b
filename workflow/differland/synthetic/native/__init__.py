"""The raw files of a synthetic planet, laid out as their providers ship them.

Conventions are written down here once more, from the providers' documentation: a reader that gets
units or orientation wrong does not find its own mistake in these files.
"""
