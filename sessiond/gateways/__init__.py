"""Codecs of gateways, one pure file each: request to inputs, prompt to response, limits as data."""
