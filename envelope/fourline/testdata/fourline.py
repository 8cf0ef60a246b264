#!/usr/bin/env python3
"""Makes and opens the files of this folder with PyCryptodome, as the scripts of the KMS documents do.

    fourline.py seal   KEY BLOB < plaintext > envelope      LocalEncrypt of the envelope encryption guide
    fourline.py open   KEY      < envelope > plaintext      LocalDecrypt of the same guide
    fourline.py chunks KEY BLOB < plaintext > file          encrypt_file, which forgets the tag

KEY is what GenerateDataKey answers as Plaintext, base64 of the data key, and BLOB its CiphertextBlob. The guide's script
is for Python 2, where text and bytes are one; the steps are the same.
"""
import base64
import sys

from Crypto.Cipher import AES

CHUNK_SIZE = 4 * 1024 * 1024


def seal(datakey_plaintext, datakey_encrypted, in_content):
    cipher = AES.new(base64.b64decode(datakey_plaintext), AES.MODE_EAX)
    ciphertext, tag = cipher.encrypt_and_digest(in_content)
    lines = [datakey_encrypted.encode(), base64.b64encode(cipher.nonce), base64.b64encode(ciphertext), base64.b64encode(tag)]
    return b"".join(line + b"\n" for line in lines)


def open_(datakey_plaintext, envelope):
    lines = envelope.splitlines(keepends=True)
    nonce, ciphertext, tag = (base64.b64decode(line) for line in lines[1:4])
    cipher = AES.new(base64.b64decode(datakey_plaintext), AES.MODE_EAX, nonce)
    return cipher.decrypt_and_verify(ciphertext, tag)


def chunks(datakey_plaintext, datakey_encrypted, in_content):
    cipher = AES.new(base64.b64decode(datakey_plaintext), AES.MODE_GCM)
    parts = [datakey_encrypted.encode(), cipher.nonce]
    for i in range(0, len(in_content), CHUNK_SIZE):
        parts.append(cipher.encrypt(in_content[i:i + CHUNK_SIZE]))
    return b"".join(parts)


if __name__ == "__main__":
    command = {"seal": seal, "open": open_, "chunks": chunks}[sys.argv[1]]
    sys.stdout.buffer.write(command(*sys.argv[2:], sys.stdin.buffer.read()))
