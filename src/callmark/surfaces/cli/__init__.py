"""The operator's commands: what the console does, from a shell and straight to the engines."""
