"""What keeps the project itself in order; nothing of a wheel."""
