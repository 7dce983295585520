"""The nouns of what devices do: commands to them, and restarts. Spelled as the API and the database spell them."""

from enum import StrEnum


class DeviceCommandKind(StrEnum):
    """What a UTM is told to do (UTM-06)."""

    RESTART = "restart"


class DeviceCommandState(StrEnum):
    """Of a command to a device. `waiting`: not handed to it yet; `offered`: handed to it, perhaps more than once."""

    WAITING = "waiting"
    OFFERED = "offered"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RestartState(StrEnum):
    """Of one restart of a UTM (RST-01…07).

    `planned`: in a fleet restart that has not reached the UTM yet. `requested`: on offer to the device. `in_progress`:
    the device has begun. `replaced`: by a newer schedule.
    """

    PLANNED = "planned"
    SCHEDULED = "scheduled"
    REQUESTED = "requested"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISSED = "missed"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


class RestartReason(StrEnum):
    """Why a restart failed (RST-05), or was not taken up."""

    OFFLINE = "offline"
    NOT_CONFIRMED = "not_confirmed"
    NO_RESULT = "no_result"
    DEVICE = "device"
    BUSY = "busy"
    DEVICE_DELETED = "device_deleted"
    ENDED_BY_OPERATOR = "ended_by_operator"


class FleetRestartState(StrEnum):
    """RST-08. `cancelled`: what had not begun then was not begun."""

    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"
