"""The SQL of topics: fits, the places of rows, and what people read of both."""
