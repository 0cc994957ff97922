"""The client protocol: frames and their encoding, without any I/O."""
