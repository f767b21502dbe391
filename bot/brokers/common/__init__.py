"""What venues share, each thing written once: sending, failures and outcomes, budgets, locks and requested pauses. Knows no venue."""
