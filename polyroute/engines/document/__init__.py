"""Documents: JSON as it came, in TinyDB or SQLite, found by selectors and read as tables."""
