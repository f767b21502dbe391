"""One folder per venue, the same four rooms in each: transport, parse, broker, stream. No venue imports another."""
