"""The emulator: a movable clock, virtual handsets and their control API, in emulator mode only (docs/emulator.md).

farm.py is the process of all virtual handsets. handset.py is one of them (a real gateway client), held.py what it
holds, call_screen.py what a person sees and does on it. app.py is the control API, which asks the farm over the fabric
(control.py). pages.py serves the pages; live.py keeps them current and takes their gestures. page.py is the demo's
first page.
"""
