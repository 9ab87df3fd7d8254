"""Language models behind OpenAI-compatible endpoints: which one a workspace has, and calling it."""
