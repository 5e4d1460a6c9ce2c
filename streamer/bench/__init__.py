"""What `streamer bench` measures: the live path (`live`) and the tracker beside transformers' own loop (`engine`)."""
