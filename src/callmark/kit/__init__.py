"""The base of every concept:clocks, database, push fabric, engines, due work, settings, errors, ids."""
