"""The emulator: a movable clock, virtual handsets and their control API, in emulator mode only (docs/emulator.md).

farm.py is the process of all virtual handsets, handset.py one of them (a real gateway client), held.py what it holds;
app.py the control API, which asks the farm over the fabric (control.py); page.py the demo's first page.
A browser page can be a handset: pages.py serves it, line.py says how it takes a handset over, lines.py (farm) and
pages_line.py (HTTP process) do it.
"""
