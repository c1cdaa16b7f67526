"""Browsers in which a person has signed in: nobody else's wrong passwords count there."""
