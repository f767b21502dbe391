"""What venues share, each thing written once: sending, failures and outcomes, budgets, locks and silence. Knows no venue."""
