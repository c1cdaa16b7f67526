"""What an operation is."""

import random
from collections.abc import Awaitable, Callable

Carry = Callable[[random.Random], Awaitable[bool]]
"""Carries one operation out; whether it was done. All that is left to chance in it comes from the argument."""

TRIES, PAUSE_S = 3, 0.25
"""Of one operation within its cycle; what is still not answered then is repeated at the cycle's end."""
