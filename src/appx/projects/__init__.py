"""Projects: a directory, its sessions, its apps."""
