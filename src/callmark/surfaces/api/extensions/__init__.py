"""Our own routes beside those of the contract, under `/extensions/v1`: the outcome of a push, and the dry run."""
