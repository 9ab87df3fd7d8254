"""Rules of the house over lists of recommendations, kept per placement."""
