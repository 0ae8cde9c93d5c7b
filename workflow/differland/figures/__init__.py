"""Figures of a study: one module per figure family, one function per figure."""
