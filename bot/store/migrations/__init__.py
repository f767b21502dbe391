"""Upgrades of databases from older NIJAs: one numbered step per file, never edited once released."""
