"""Long jobs: one row each, with progress, a claim, a heartbeat and an end."""
