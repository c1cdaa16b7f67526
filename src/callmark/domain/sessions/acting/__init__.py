"""The account that an operator's session acts for."""
