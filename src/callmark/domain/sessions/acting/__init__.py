"""For which account an operator's session acts."""
