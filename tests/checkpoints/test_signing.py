"""Signatures of published folders, with OpenSSF's model-signing."""

import importlib
import shutil

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from zoo.checkpoints.record import RECORD_FILE

main = importlib.import_module("zoo.cli.main").main
NAME = "gru_small.cmudict"


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["weights", *map(str, arguments)])
    assert result.exit_code == code, result.output
    assert len(result.stderr.splitlines()) == (1 if code else 0)
    return result.stderr


@pytest.fixture
def keys(tmp_path):
    paths = []
    for who in ("mine", "other"):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for kind, data in (("key", private), ("pub", public)):
            (tmp_path / f"{who}.{kind}").write_bytes(data)
        paths.append((tmp_path / f"{who}.key", tmp_path / f"{who}.pub"))
    return paths


@pytest.fixture
def published(tmp_path, keys):
    run("publish", tmp_path / "public", NAME, "--sign", keys[0][0])
    return tmp_path / "public" / NAME


def test_a_signed_folder_is_its_owners(published, keys):
    run("verify", published, "--signed-by", keys[0][1])
    # Published and signed again it verifies as well.
    run("publish", published.parent, NAME, "--sign", keys[0][0])
    run("verify", published, "--signed-by", keys[0][1])


def test_another_owner_is_refused(published, keys):
    assert "model.sig" in run("verify", published, "--signed-by", keys[1][1], code=5)


def test_a_changed_record_is_refused_though_its_weights_verify(published, keys):
    record = published / RECORD_FILE
    record.write_text(record.read_text("utf-8").replace("Apache-2.0", "Apache-2.1"), "utf-8")
    run("verify", published)
    assert "record.json" in run("verify", published, "--signed-by", keys[0][1], code=5)


@pytest.mark.parametrize("change", ["missing", "empty", "garbage"])
def test_no_signature_is_no_proof(published, keys, change):
    signature = published / "model.sig"
    signature.unlink()
    if change != "missing":
        signature.write_text("" if change == "empty" else '{"mediaType": 1}', "utf-8")
    assert "model.sig" in run("verify", published, "--signed-by", keys[0][1], code=5)


def test_a_key_that_is_none_is_told(published, keys, tmp_path):
    assert "PEM" in run("verify", published, "--signed-by", keys[0][0], code=2)
    assert "PEM" in run("publish", tmp_path / "again", NAME, "--sign", keys[0][1], code=2)
    assert "no.pem" in run("verify", published, "--signed-by", tmp_path / "no.pem", code=2)


def test_a_signed_folder_loads(published):
    import zoo

    folder = published.parent / "copy"
    shutil.copytree(published, folder)
    assert zoo.load(folder).predict(["zoo"])
