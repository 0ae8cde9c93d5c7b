"""The loop over months compiled for vectors of cells, derived from the readable model."""
