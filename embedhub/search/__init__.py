"""Find chunks by words and by meaning: one request, two legs, one explained ranking."""
