"""The read replica: whether it may answer now, and reading from it or from the primary."""
