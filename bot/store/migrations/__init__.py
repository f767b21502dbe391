"""How a database of an older NIJA becomes one of this NIJA: one numbered step a file, never edited once released."""
