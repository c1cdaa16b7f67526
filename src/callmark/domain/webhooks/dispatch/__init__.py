"""Makes the attempts that are due, and writes their outcome."""
