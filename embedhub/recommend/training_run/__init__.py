"""Training as a run: events in, a version out that answers if it is better than what there was."""
