"""Proofs that an account may call from a number that it lists: by the operator (`service`), or by a code (`codes`)."""
