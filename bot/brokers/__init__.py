"""One package per venue, `base` with the interface they implement, and `common` with shared code. No venue imports another."""
