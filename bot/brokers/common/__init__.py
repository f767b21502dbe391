"""Code shared by all venues: sending, failures and outcomes, rate budgets, locks and requested pauses. Knows no venue."""
