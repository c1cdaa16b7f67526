"""Makes the attempts that are due, and writes what became of them."""
