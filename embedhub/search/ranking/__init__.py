"""What a collection's setting does to the fused order, each step told in the explanation."""
