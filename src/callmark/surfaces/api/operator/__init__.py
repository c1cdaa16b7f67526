"""The operator API: what operators do in the console and at the command line, for their programs."""
