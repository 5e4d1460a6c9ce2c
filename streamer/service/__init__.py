"""From settings to running pipelines: the composition root, cameras and their shares."""
