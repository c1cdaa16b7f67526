"""The client commands: `callmark login`, `push`, `labels` …, over the API with a key (docs/client-commands.md).

session              what every command has: profile, client, output, exit codes
login                profiles
lists, lookups       labels, numbers, feature sets; batches, records, what would show
logs, events, listen downloads and events; trigger makes some on an emulator
lint, push           files of call records
  reading, validation a file of any length, row by row, and what is wrong with each
  journal            what a push that was interrupted needs to continue
"""
