"""Feature sets: what the numbers in them show and offer, and their places in the structure (contract, 12.3)."""
