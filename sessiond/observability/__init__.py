"""How a node is observed: listeners of telemetry that write log lines and keep metrics."""
