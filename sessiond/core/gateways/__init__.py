"""What gateways have in common: their port, and the values that pass through it. Pure."""
