"""Noise_NX_25519_ChaChaPoly_SHA256, both sides, after the Noise specification, revision 34.

Written for reading beside the specification: the classes and methods carry its names. Secrets are
plain bytes and nothing is wiped, so this is for tests alone.
"""
import hashlib
import hmac
import os

from nacl import bindings
from nacl.exceptions import CryptoError

NAME = b'Noise_NX_25519_ChaChaPoly_SHA256'
TAG = 16
LAST_NONCE = 2 ** 64 - 1


class NoiseError(Exception):
    """A handshake message or a ciphertext is not what the protocol allows."""


def public_key(private):
    """The X25519 public key of a private one."""
    return bindings.crypto_scalarmult_base(private)


def dh(private, public):
    """X25519; a result of zeros (a low-order point) is an error."""
    try:
        return bindings.crypto_scalarmult(private, public)
    except (CryptoError, RuntimeError) as error:
        raise NoiseError('low-order point') from error


def hkdf(chaining_key, material):
    """HKDF with two outputs, as the specification writes it."""
    temp = hmac.digest(chaining_key, material, 'sha256')
    first = hmac.digest(temp, b'\x01', 'sha256')
    return first, hmac.digest(temp, first + b'\x02', 'sha256')


def seal(key, counter, associated, plaintext):
    """ENCRYPT(k, n, ad, plaintext)."""
    nonce = bytes(4) + counter.to_bytes(8, 'little')
    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        plaintext, associated or None, nonce, key)


def open_sealed(key, counter, associated, ciphertext):
    """DECRYPT(k, n, ad, ciphertext); NoiseError when the tag is wrong."""
    nonce = bytes(4) + counter.to_bytes(8, 'little')
    try:
        return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
            ciphertext, associated or None, nonce, key)
    except (CryptoError, ValueError) as error:
        raise NoiseError('wrong tag') from error


def rekey(key):
    """REKEY(k): the first 32 bytes of 32 zeros encrypted under the last nonce."""
    return seal(key, LAST_NONCE, b'', bytes(32))[:32]


class SymmetricState:
    """ck, h and, once there is one, the key of the handshake's own ciphertexts."""

    def __init__(self, prologue):
        self.h = NAME  # exactly 32 bytes, so the name itself and not its hash
        self.ck = self.h
        self.key = None
        self.counter = 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, material):
        self.ck, self.key = hkdf(self.ck, material)
        self.counter = 0

    def encrypt_and_hash(self, plaintext):
        text = plaintext
        if self.key is not None:
            text = seal(self.key, self.counter, self.h, plaintext)
            self.counter += 1
        self.mix_hash(text)
        return text

    def decrypt_and_hash(self, text):
        plaintext = text
        if self.key is not None:
            plaintext = open_sealed(self.key, self.counter, self.h, text)
            self.counter += 1
        self.mix_hash(text)
        return plaintext

    def split(self):
        """The keys (initiator to responder, responder to initiator)."""
        return hkdf(self.ck, b'')


class Initiator:
    """The client's side: message_1(), then read_2(), then keys() and h."""

    def __init__(self, prologue, ephemeral=None):
        self.state = SymmetricState(prologue)
        self.ephemeral = ephemeral or os.urandom(32)
        self.remote_static = None

    def message_1(self):
        """-> e, with an empty payload."""
        message = public_key(self.ephemeral)
        self.state.mix_hash(message)
        return message + self.state.encrypt_and_hash(b'')

    def read_2(self, message):
        """<- e, ee, s, es; returns the payload and notes the server's static key."""
        state = self.state
        remote, sealed_s, rest = message[:32], message[32:80], message[80:]
        if len(rest) < TAG:
            raise NoiseError('message 2 of %d bytes is too short' % len(message))
        state.mix_hash(remote)
        state.mix_key(dh(self.ephemeral, remote))
        self.remote_static = state.decrypt_and_hash(sealed_s)
        state.mix_key(dh(self.ephemeral, self.remote_static))
        return state.decrypt_and_hash(rest)

    @property
    def h(self):
        """The handshake hash; after message 2 it is the one that LOGIN signs."""
        return self.state.h

    def keys(self):
        """(key for sending, key for receiving)."""
        return self.state.split()


class Responder:
    """The server's side: read_1(), then message_2(), then keys() and h."""

    def __init__(self, prologue, static, ephemeral=None):
        self.state = SymmetricState(prologue)
        self.static = static
        self.ephemeral = ephemeral or os.urandom(32)
        self.remote = None

    def read_1(self, message):
        """-> e; returns the payload, which this protocol wants empty."""
        if len(message) < 32:
            raise NoiseError('message 1 of %d bytes is too short' % len(message))
        self.remote = message[:32]
        self.state.mix_hash(self.remote)
        return self.state.decrypt_and_hash(message[32:])

    def message_2(self, payload):
        """<- e, ee, s, es with the payload."""
        state = self.state
        own = public_key(self.ephemeral)
        state.mix_hash(own)
        state.mix_key(dh(self.ephemeral, self.remote))
        sealed_s = state.encrypt_and_hash(public_key(self.static))
        state.mix_key(dh(self.static, self.remote))
        return own + sealed_s + state.encrypt_and_hash(payload)

    @property
    def h(self):
        """The handshake hash."""
        return self.state.h

    def keys(self):
        """(key for sending, key for receiving)."""
        receive, send = self.state.split()
        return send, receive
