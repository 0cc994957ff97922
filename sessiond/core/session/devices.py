"""Devices: how far each client of a user has acknowledged the stream, and when it left.

A *device* is a client's own name, the same over its connections; connections without one share the entry ``""``.
The frames that a device in its reconnection window has not acknowledged are kept for it (stream.py).
"""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import Device
from sessiond.core.session.state import Attachment

__all__ = ["Devices", "all_gone", "joined", "left", "waited_for"]

Devices = Mapping[str, Device]


def joined(devices: Devices, attachment: Attachment, limits: SessionLimits) -> Devices:
    """Note that a device has joined; one without a name leaves no trace before it leaves."""
    if not attachment.device:
        return devices
    return _bounded({**devices, attachment.device: Device(attachment.cursor)}, limits)


def left(devices: Devices, attachment: Attachment, now: float, limits: SessionLimits) -> Devices:
    """Note that a device has left. Of those without a name the lowest cursor still in its window counts."""
    cursor, earlier = attachment.cursor, devices.get(attachment.device)
    if not attachment.device and earlier is not None and _in_window(earlier, now, limits):
        cursor = min(cursor, earlier.cursor)
    return _bounded({**devices, attachment.device: Device(cursor, now)}, limits)


def all_gone(devices: Devices, now: float) -> Devices:
    """Note that nobody is connected: whoever had not left has now."""
    if all(device.left_at is not None for device in devices.values()):
        return devices
    return {
        name: device if device.left_at is not None else replace(device, left_at=now)
        for name, device in devices.items()
    }


def waited_for(devices: Devices, now: float, limits: SessionLimits) -> Iterator[int]:
    """Iterate over the cursors of the devices that left and may come back within their window."""
    for device in devices.values():
        if device.left_at is not None and _in_window(device, now, limits):
            yield device.cursor


def _in_window(device: Device, now: float, limits: SessionLimits) -> bool:
    return device.left_at is None or now - device.left_at <= limits.window_seconds


def _bounded(devices: dict[str, Device], limits: SessionLimits) -> Devices:
    if len(devices) > limits.devices:
        away = sorted((d.left_at, name) for name, d in devices.items() if d.left_at is not None)
        for _, name in away[: len(devices) - limits.devices]:
            del devices[name]
    return devices
