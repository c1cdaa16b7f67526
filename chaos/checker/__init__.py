"""The history checker: what clients did, what the platform said, and whether the two fit.

It knows nothing of the product and nothing of what makes the load: it reads entries (`history`), which anybody may have
written, and names what cannot be right.
"""
