"""What every part builds on: clocks, database, push fabric, engines, due work, settings, errors, ids."""
