"""What the trained ensembles tell: partition, identifiability, trait axes and attribution."""
