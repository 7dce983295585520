import stat
from pathlib import Path

from local.stored_secrets import StoredSecrets
from models.encryption import Cipher


def test_a_folder_keeps_its_secrets(tmp_path: Path) -> None:
    """A second run on the same folder has the keys of the first: its links and histories stay readable."""
    assert StoredSecrets.of(tmp_path) == StoredSecrets.of(tmp_path)


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    """Every key and every password is drawn anew for each folder."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = StoredSecrets.of(tmp_path / "one"), StoredSecrets.of(tmp_path / "two")
    assert one.operator_key != two.operator_key
    assert one.link_key != two.link_key
    assert one.payload_keys != two.payload_keys
    assert one.postgres.app not in {two.postgres.app, one.postgres.owner, one.postgres.superuser}


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """The file has mode 0600."""
    StoredSecrets.of(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_start_that_was_killed_while_writing_does_not_block_the_next(tmp_path: Path) -> None:
    """A file half written under another name is made anew."""
    (tmp_path / "secrets.unfinished").write_text("{")
    assert StoredSecrets.of(tmp_path).operator_key


def test_the_payload_key_fits_the_cipher(tmp_path: Path) -> None:
    """What is drawn for encryption is a key of the right length in the right notation."""
    drawn = StoredSecrets.of(tmp_path)
    cipher = Cipher.from_base64(drawn.payload_keys, current=drawn.payload_key_id)
    assert cipher.decrypt(cipher.encrypt(b"text")) == b"text"
