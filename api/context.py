"""What the routes share, made once by the entry point; a route asks for it as `Shared`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.commands import Commands
from models.clock import Clock
from models.database import Database
from models.encryption import Cipher
from models.links import LinkKey
from models.passwords import Passwords
from settings import Settings


@dataclass(frozen=True)
class Context:
    settings: Settings
    database: Database
    commands: Commands
    clock: Clock
    cipher: Cipher
    link_key: LinkKey
    passwords: Passwords = field(default_factory=Passwords)


async def _context(request: Request) -> Context:  # FastAPI would hand a plain function to a thread
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(_context)]
