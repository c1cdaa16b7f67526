"""Listed numbers: one owner each, listed and delisted in feature sets by jobs in bounded steps."""
