"""Comparison of products with each other, which finds input that is wrong and looks right.

Readers refuse what a single file cannot hold. Here gridded products are compared with the sun, with
the land cover, with their own other months and years, and with each other, before a driver is made
of them. The bounds are in ``resources/consistency.csv``, each with the reason for it.
"""
