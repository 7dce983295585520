"""The key ring and the codec of Temporal payloads."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.exceptions import ApplicationError

from models.encryption import Cipher, DecryptionError
from models.messages.procedure import Command
from workflows.codec import ENCODING, EncryptionCodec, data_converter

OLD = Cipher({"2026-01": b"o" * 32}, current="2026-01")
NEW = Cipher({"2026-01": b"o" * 32, "2026-07": b"n" * 32}, current="2026-07")


@given(st.binary(max_size=300), st.binary(max_size=30))
def test_what_was_sealed_opens_again(plain: bytes, context: bytes) -> None:
    """In its own place, whatever it says."""
    assert NEW.decrypt(NEW.encrypt(plain, context=context), context=context) == plain


@pytest.mark.requirement("GEN-10")
def test_old_texts_open_after_a_rotation() -> None:
    """New ones are made with the new key, which the old ring does not have."""
    assert NEW.decrypt(OLD.encrypt(b"secret")) == b"secret"
    with pytest.raises(DecryptionError):
        OLD.decrypt(NEW.encrypt(b"secret"))


def test_a_text_opens_nowhere_else() -> None:
    """An answer stored for one caller is no answer for another."""
    sealed = NEW.encrypt(b"secret", context=b"caller 1")
    with pytest.raises(DecryptionError):
        NEW.decrypt(sealed, context=b"caller 2")


@given(st.data())
def test_a_changed_text_never_opens(data: st.DataObject) -> None:
    """Any flipped bit, any missing end."""
    sealed = bytearray(OLD.encrypt(b"secret"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DecryptionError):
        OLD.decrypt(bytes(sealed))
    with pytest.raises(DecryptionError):
        OLD.decrypt(OLD.encrypt(b"secret")[: data.draw(st.integers(0, 40))])


def test_the_same_text_is_never_sealed_alike() -> None:
    """Nobody sees from outside that two payloads are equal."""
    assert OLD.encrypt(b"secret") != OLD.encrypt(b"secret")


@pytest.mark.parametrize("key", ["c2hvcnQ=", "not base64!"])
def test_a_wrong_key_is_found_at_the_start(key: str) -> None:
    """And is not shown in the message."""
    with pytest.raises(ValueError, match="key") as refusal:
        Cipher.from_base64({"a": key}, current="a")
    assert key not in str(refusal.value)


def test_the_current_key_must_be_there() -> None:
    """A ring without its current key could not seal."""
    with pytest.raises(ValueError, match="current"):
        Cipher.from_base64({"a": base64.b64encode(b"k" * 32).decode()}, current="b")


@pytest.mark.requirement("GEN-10")
async def test_a_payload_shows_nothing_but_the_id_of_its_key() -> None:
    """And comes back whole, metadata included; a plain one stays as it is."""
    codec = EncryptionCodec(NEW)
    plain = Payload(metadata={"encoding": b"json/plain"}, data='{"name": "山田"}'.encode())
    (encrypted,) = await codec.encode([plain])
    assert dict(encrypted.metadata) == {"encoding": b"binary/encrypted", "encryption-key-id": b"2026-07"}
    assert "山田".encode() not in encrypted.data
    assert await codec.decode([encrypted, plain]) == [plain, plain]


@pytest.mark.requirement("GEN-10")
async def test_the_story_for_operators_stays_plain() -> None:
    """Summaries and current details are read in the Web UI without a key; messages are not."""
    converter = data_converter(NEW)
    summary, details, message = await converter.encode(
        [
            "Contract A-S00000001",
            WorkflowMetadata(current_details="**State:** open"),
            Command(actor="山田", command_id=""),
        ]
    )
    assert summary.data == b'"Contract A-S00000001"'
    assert b"**State:** open" in details.data
    assert message.metadata["encoding"] == ENCODING
    assert (await converter.decode([summary]))[0] == "Contract A-S00000001"


@pytest.mark.requirement("GEN-10")
async def test_the_text_of_a_failure_is_encrypted_too() -> None:
    """Only its type stays readable."""
    failure = Failure()
    await data_converter(NEW).encode_failure(ApplicationError("山田 is unknown", "details", type="not_found"), failure)
    assert "山田" not in str(failure)
    assert failure.application_failure_info.type == "not_found"
    error = await data_converter(NEW).decode_failure(failure)
    assert "山田 is unknown" in str(error)
