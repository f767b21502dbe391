"""What a person types: the commands of `nija` and the operator's checks. Nothing else of NIJA imports this room."""
