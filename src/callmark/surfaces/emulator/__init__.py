"""The emulator: a movable clock, virtual handsets and their control API, in emulator mode only (docs/emulator.md).

handsets/      virtual handsets: one of them (handset.py, a real gateway client), what a person sees and does on it
               (call_screen.py), the process of them all (farm.py) and what others ask of it (farm_api.py)
states/        back to an earlier state: reset and snapshots
control_api/   the routes below /emulator/v1 and their JSON (wire.py)
push_service/  the emulator's own push service, for handsets that sleep
pages/         the pages; live_screens.py keeps them current and takes their gestures, first_page.py is the demo's first
app.py         the table of all routes; guard.py says who may use them
"""
