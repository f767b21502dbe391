"""The command line: the commands of `nija` and the operator's checks. Nothing else in NIJA imports this room."""
