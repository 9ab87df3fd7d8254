"""Pages that do more than show rows: each one is a form, a service call, and words about it."""
