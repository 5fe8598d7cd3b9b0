"""A file's sealed bytes: docs/sealed.md section 6.2, both ends, written from that text."""
from nacl import bindings

import sealed as s

CHUNK = 64512
HEAD = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
OVER = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
KIND = 2


def padme(size):
    """The size class: the length's last bits are rounded up, fewer of them the shorter it is."""
    if size < 2:
        return size
    bits = size.bit_length() - 1
    low = bits - bits.bit_length()
    return (size + (1 << low) - 1) >> low << low


def blob_size(size):
    """Bytes of the blob of a content of this size."""
    padded = padme(size)
    return HEAD + padded + OVER * max(1, -(-padded // CHUNK))


def seal_blob(key, content):
    """The blob of a file."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    out = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    text = content.ljust(padme(len(content)), b'\0')
    chunks = [text[at:at + CHUNK] for at in range(0, len(text), CHUNK)] or [b'']
    for number, chunk in enumerate(chunks):
        tag = FINAL if number == len(chunks) - 1 else MESSAGE
        out += bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, s.u64(number), tag)
    return out


def open_blob(key, blob, size):
    """The content of this size; SealedError when a byte is not what it must be."""
    if len(blob) != blob_size(size):
        raise s.SealedError('damaged')
    state, text, at, number = bindings.crypto_secretstream_xchacha20poly1305_state(), b'', HEAD, 0
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, blob[:HEAD], key)
    while at < len(blob):
        try:
            chunk, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, blob[at:at + CHUNK + OVER], s.u64(number))
        except RuntimeError:
            raise s.SealedError('damaged') from None
        at, number, text = at + CHUNK + OVER, number + 1, text + chunk
        if (tag == FINAL) != (at >= len(blob)):
            raise s.SealedError('damaged')
    if text[size:].strip(b'\0'):
        raise s.SealedError('damaged')
    return text[:size]


def offer(blob, key, size, name, hash_of=bytes(32), text=b''):
    """The fields of a message of kind 2."""
    return blob + key + s.u64(size) + hash_of + s.str8(name) + text


def read_offer(fields):
    """(blob, key, size, hash, name, text)"""
    c = s.Cursor(fields)
    return c.take(32), c.take(32), c.u64(), c.take(32), c.str8(), c.rest()
