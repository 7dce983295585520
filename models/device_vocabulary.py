"""The nouns of what devices do: commands to them, restarts, remote support. Spelled as API and database spell them."""

from enum import StrEnum


class DeviceCommandKind(StrEnum):
    """What a UTM is told to do (UTM-06)."""

    RESTART = "restart"
    REMOTE_SUPPORT_START = "remote_support_start"
    REMOTE_SUPPORT_STOP = "remote_support_stop"


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
    """RST-08. `cancelled`: no UTM gets a schedule any more; those that have one lose it, the earliest slots first."""

    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class RemoteSupportState(StrEnum):
    """Of a request for remote support, or of a session begun at the device (RSA-01…06).

    `starting`: approved, and the device is told; or begun at the device, which has not said yet how the session is
    called. `failed`: no session came of it.
    """

    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"


class RemoteSupportEnd(StrEnum):
    """Who or what ended a session (RSA-05), or why there was none (RSA-03)."""

    DESK = "desk"
    ADMINISTRATOR = "administrator"
    DURATION = "duration"
    DEVICE = "device"
    OPERATOR = "operator"
    """By ending the procedure."""
    DEVICE_DELETED = "device_deleted"
    NOT_STARTED = "not_started"
    """The device did not start it, or nobody heard of it, in all its attempts."""
    BUSY = "busy"
    """Another session was open at the device by then."""
