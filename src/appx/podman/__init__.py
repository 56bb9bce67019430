"""What podman is told (argv) and what it answers (parse). Pure; the workbench runs it."""
