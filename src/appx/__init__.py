"""appx: describe an app; an agent writes it, builds it and runs it in a container of its own."""
