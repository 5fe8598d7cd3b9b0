"""Records of docs/protocol.md, section 3: sealing, opening, rekeying and padding."""
import struct

import frames
import noise

REKEY_AFTER = 65536
PLAIN_MAX = 65535 - noise.TAG
PAD_HEAD = 3


class Direction:
    """Key and counter of one direction."""

    def __init__(self, key):
        self.key = key
        self.counter = 0

    def turn(self):
        """The counter of the next record; changes the key where that is due."""
        if self.counter and self.counter % REKEY_AFTER == 0:
            self.key = noise.rekey(self.key)
        self.counter += 1
        return self.counter - 1

    def seal(self, plaintext):
        """One record, with its length in front."""
        counter = self.turn()
        text = noise.seal(self.key, counter, b'', plaintext)
        return struct.pack('<H', len(text)) + text

    def open(self, text):
        """The plaintext of a record without its length; NoiseError when it fails."""
        counter = self.turn()
        return noise.open_sealed(self.key, counter, b'', text)


def padded_size(size):
    """What a plaintext of this size is padded to."""
    def step(number):
        unit = 64 if number <= 1024 else 512
        return -(-number // unit) * unit
    target = step(size)
    if 0 < target - size < PAD_HEAD:
        target = step(target + 1)
    return target if target <= PLAIN_MAX else size


def pad(plaintext):
    """The plaintext with the PAD frame it needs."""
    missing = padded_size(len(plaintext)) - len(plaintext)
    if not missing:
        return plaintext
    return plaintext + frames.raw_frame(frames.TYPES['PAD'], bytes(missing - PAD_HEAD))
