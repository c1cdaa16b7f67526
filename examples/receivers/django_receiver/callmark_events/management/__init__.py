"""Commands and their folder, as Django looks for them."""
