"""Events of sources, objects and zones: detection, storage and delivery."""
