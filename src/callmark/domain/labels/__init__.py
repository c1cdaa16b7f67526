"""Labels: the names and logos a business calls under, and the categories it may name."""
