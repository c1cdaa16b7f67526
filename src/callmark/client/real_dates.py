"""The class of instants as Python has it, for what answers are decoded into.

Libraries that freeze the clock of a test put a class of their own in its place meanwhile. The library is imported when
one of its names is first used: inside such a test, its types would have that class until the process ends, and no
answer would fit them.
"""

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime as datetime  # noqa: PLC0414 - it is exported
else:

    def __getattr__(name: str) -> object:
        """No attribute, which would be replaced as others are: the class is looked for when it is imported."""
        if name == "datetime":
            return next(one for one in dt.datetime.__mro__ if (one.__module__, one.__name__) == ("datetime", name))
        raise AttributeError(name)
