"""One room per venue, `base` with the verbs that all answer to, and `common` with what they share. No venue imports another."""
