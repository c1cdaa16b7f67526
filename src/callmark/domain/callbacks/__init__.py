"""Call Me Back: configurations of feature sets, and the requests of receivers."""
