"""The database file: its schema, its migrations, its transactions."""
