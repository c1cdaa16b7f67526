"""The emulator: a movable clock, virtual handsets and their control API, in emulator mode only (docs/emulator.md).

farm.py is the process of all virtual handsets, handset.py one of them (a real gateway client), held.py what it holds;
app.py the control API, which asks the farm over the fabric (control.py); page.py the demo's first page.
"""
