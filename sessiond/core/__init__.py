"""The pure core: values in, values out. No Trio, clock, randomness, environment or log.

``ids``, ``errors``, ``codes``, ``position``, ``records`` are the words everybody speaks; ``ports`` says what the
outside implements; ``session`` is the session machine; ``wire`` the client protocol.
"""
