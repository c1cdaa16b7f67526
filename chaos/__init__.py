"""An installation under load whose parts are killed, stopped, cut off and slowed down, and a check of what it promised.

`python -m chaos` (`make chaos`) runs it; docs/reliability.md says what is checked, and how to read what it prints.
"""
