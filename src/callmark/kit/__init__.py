"""Ground that every concept stands on: clocks, database, push fabric, engines, due work, settings, errors, ids."""
