"""The library of call reasons: what feature sets and call records say a call is about (contract, 10.1 and 12.4)."""
