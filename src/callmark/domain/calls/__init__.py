"""Real calls as handsets report them: what was shown, and what the receiver did."""
