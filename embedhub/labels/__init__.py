"""Labels: classifiers over stored vectors, what they predict, and what people are asked next."""
