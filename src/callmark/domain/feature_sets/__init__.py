"""Feature sets: what the numbers in them show and offer, and where they hang in the structure (contract, 12.3)."""
