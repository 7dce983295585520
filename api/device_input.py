"""What devices send."""

from typing import Literal

from models.fields import FirmwareVersion, Input, Instant, IpAddress, OrAbsent, Reason


class HeartbeatInput(Input):
    """`device_time`: what the device's own clock says, if it wants to know how wrong it is."""

    version: FirmwareVersion
    ip_address: IpAddress
    device_time: OrAbsent[Instant] = None


class ResultInput(Input):
    """`started` comes before the device acts; it acts only once that was answered with 200.

    `detail`: why it failed, as the device puts it. Staff read it with the restart, and customers in the mail.
    """

    state: Literal["started", "succeeded", "failed"]
    detail: OrAbsent[Reason] = None
