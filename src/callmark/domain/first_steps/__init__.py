"""The first steps of a new account: the card on Home, and what the demo prepares for it."""
