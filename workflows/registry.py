"""Every workflow that a worker runs."""

from workflows.service_application import ServiceApplication
from workflows.signup import Signup

WORKFLOWS: list[type] = [ServiceApplication, Signup]
