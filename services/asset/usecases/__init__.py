"""Stories: one public method per command or question."""
