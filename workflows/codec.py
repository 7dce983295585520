"""What passes through Temporal is encrypted (GEN-10); its console reads it through the API's codec endpoint.

What tells operators the story stays plain, and holds ids, states and dates only: workflow ids, search attributes, names
of types, summaries and current details. Arguments, results, memos and the messages of failures do not.
"""

import dataclasses
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from models.encryption import Cipher

ENCODING = b"binary/encrypted"
_STORY = b"temporal.api.sdk.v1.WorkflowMetadata"  # what the Web UI reads the current details from


class EncryptionCodec(PayloadCodec):
    """AES-256-GCM; the key's id stands in the metadata too, so that a rotation can be watched."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [payload if _is_told(payload) else self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What is not encrypted stays as it is: operators write plain updates in the console.

        Raises:
            models.encryption.DecryptionError: the key is not ours, or the payload is damaged.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        metadata = {"encoding": ENCODING, "encryption-key-id": self._cipher.current.encode()}
        return Payload(metadata=metadata, data=self._cipher.encrypt(payload.SerializeToString()))

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(self._cipher.decrypt(payload.data))


def _is_told(payload: Payload) -> bool:
    """Words for operators. A summary is the one thing that comes as a bare string: every message is an object."""
    is_string = payload.metadata.get("encoding") == b"json/plain" and payload.data.startswith(b'"')
    return is_string or payload.metadata.get("messageType") == _STORY


def data_converter(cipher: Cipher) -> DataConverter:
    """Pydantic models in, encrypted payloads out, the text of failures included."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(cipher),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
