"""Signed caller identity for telephone networks: what call servers and verifiers ask (role `stir`)."""
