"""Model access for apps: what a person allows the apps of a project, and what that may take."""
