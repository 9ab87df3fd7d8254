"""Who may ask: workspaces, API keys, the caller they make, and what staff did."""
