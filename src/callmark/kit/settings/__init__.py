"""Settings: read once from `CALLMARK_*` variables, frozen, passed down. An unknown or malformed one stops the start.

`variables` has their names and `model` what they are; `reading` brings both together. What a value must be: its bounds
in `model`, one spelling in `addresses` and `paths`, what must fit together in `rules`; `faults` says what is wrong.
"""

from callmark.kit.settings.model import Settings, default_data_dir, demo_data_dir
from callmark.kit.settings.reading import read_handed_down, read_settings, to_environ
from callmark.kit.settings.secret import Secret

__all__ = [
    "Secret",
    "Settings",
    "default_data_dir",
    "demo_data_dir",
    "read_handed_down",
    "read_settings",
    "to_environ",
]
