"""Who changed what, and who was refused: the audit log."""
