"""What knows nothing of causes: threads, being asked to stop, progress, versions."""
