"""DALEC, the process model: one month, many months, and everything they are made of."""
