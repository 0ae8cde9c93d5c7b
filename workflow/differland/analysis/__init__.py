"""Analyses of trained ensembles: partition, identifiability, trait axes and attribution."""
