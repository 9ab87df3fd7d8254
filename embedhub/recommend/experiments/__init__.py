"""Experiments: different people get different lists in a placement; what they click counts."""
