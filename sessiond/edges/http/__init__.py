"""The HTTP door: routing, health pages, metrics and webhooks; bytes are net/http1.py's business."""
