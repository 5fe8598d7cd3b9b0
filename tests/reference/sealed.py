"""Direct messages end to end: docs/sealed.md sections 1 to 6, both ends, written from that text.

Names are those of the document. Secrets are plain bytes and nothing is wiped, so this is for tests
alone. Random bytes come from an object with fill(n), so that what is made can be made again.
"""
import hashlib
import hmac
import struct

from nacl import bindings
from nacl.exceptions import CryptoError

SUITE = 1
NONE = bytes(32)


class SealedError(Exception):
    """Something is not what the document allows; the argument is its word for it."""


class Random:
    """A stream of bytes that repeats: block i is SHA-256(SHA-256(label) || u64 i)."""

    def __init__(self, label):
        self.seed = hashlib.sha256(label.encode()).digest()
        self.counter = 0

    def fill(self, n):
        out = b''
        while len(out) < n:
            out += hashlib.sha256(self.seed + u64(self.counter)).digest()
            self.counter += 1
        return out[:n]


def u16(n): return struct.pack('<H', n)
def u32(n): return struct.pack('<I', n)
def u64(n): return struct.pack('<Q', n)
def str8(s): return bytes([len(s)]) + s
def str16(s): return u16(len(s)) + s


class Cursor:
    """Reads fields; done() must be true in the end."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise SealedError('damaged')
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self): return self.take(1)[0]
    def u16(self): return struct.unpack('<H', self.take(2))[0]
    def u32(self): return struct.unpack('<I', self.take(4))[0]
    def u64(self): return struct.unpack('<Q', self.take(8))[0]
    def str8(self): return self.take(self.u8())
    def rest(self): return self.take(len(self.data) - self.at)

    def end(self):
        if self.at != len(self.data):
            raise SealedError('damaged')


# --- section 1 ---

def label(text): return str8(text.encode())


def sign_pair(seed):
    """(public, secret) of an Ed25519 seed."""
    return bindings.crypto_sign_seed_keypair(seed)


def sign(secret, text_label, text):
    return bindings.crypto_sign(label(text_label) + text, secret)[:64]


def verify(public, text_label, text, signature):
    try:
        bindings.crypto_sign_open(signature + label(text_label) + text, public)
    except (CryptoError, ValueError) as error:
        raise SealedError('forged') from error


def hash_of(text_label, text): return hashlib.sha256(label(text_label) + text).digest()


def public_of(secret): return bindings.crypto_scalarmult_base(secret)


def dh(secret, public):
    try:
        out = bindings.crypto_scalarmult(secret, public)
    except (CryptoError, RuntimeError) as error:
        raise SealedError('low order') from error
    if out == NONE:
        raise SealedError('low order')
    return out


def mac(key, text): return hmac.digest(key, text, 'sha256')


def hkdf(salt, ikm, info, n):
    prk = mac(salt or NONE, ikm)
    out, block, i = b'', b'', 1
    while len(out) < n:
        block = mac(prk, block + info + bytes([i]))
        out += block
        i += 1
    return out[:n]


def seal(key, info, ad, text):
    e = hkdf(b'', key, info.encode(), 56)
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(text, ad, e[32:], e[:32])


def open_sealed(key, info, ad, sealed):
    e = hkdf(b'', key, info.encode(), 56)
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, ad, e[32:], e[:32])
    except (CryptoError, ValueError) as error:
        raise SealedError('damaged') from error


def chain_step(chain):
    """(the chain key moved on, message key)"""
    return mac(chain, b'\2'), mac(chain, b'\1')


class Pair:
    """An X25519 key pair."""

    def __init__(self, secret):
        self.secret, self.public = secret, public_of(secret)


# --- section 2 ---

class DeviceKeys:
    """The secrets of a device, drawn in the order: number, Ed25519 seed, X25519 secret."""

    def __init__(self, random):
        self.device = struct.unpack('<Q', random.fill(8))[0]
        self.ed, self.ed_secret = sign_pair(random.fill(32))
        self.x = Pair(random.fill(32))

    def self_signature(self, account_key, name):
        return sign(self.ed_secret, 'csmsg device keys 1',
                    account_key + str8(name) + u64(self.device) + self.ed + self.x.public)

    def who(self, account_key, name):
        return who(name, account_key, self.device, self.ed, self.x.public)


def who(name, account_key, device, ed, x):
    return str8(name) + account_key + u64(device) + ed + x


class DeviceList:
    """The chain of an account's devices: writes entries, and judges them."""

    def __init__(self, account_key, name):
        self.account_key, self.name = account_key, name
        self.seq, self.head = 0, NONE
        self.rows = []  # [device, ed, x, in?]

    def entry(self, account_secret, time, device, added=None, by=None):
        """The next entry: adds (`added`: ed, x, self signature) or revokes a device."""
        body = bytes([1, 1 if added else 2]) + u32(self.seq + 1) + self.head + str8(self.name)
        body += u64(time) + u64(device) + (b''.join(added) if added else b'')
        body += u64(by.device if by else 0)
        bound = self.account_key + body
        admit = sign(by.ed_secret, 'csmsg device admit 1', bound) if by else b''
        return body + admit + sign(account_secret, 'csmsg device entry 1', bound + admit)

    def apply(self, entry):
        c = Cursor(entry)
        version, op, seq, prev, name = c.u8(), c.u8(), c.u32(), c.take(32), c.str8()
        c.u64()
        device = c.u64()
        added = [c.take(32), c.take(32), c.take(64)] if op == 1 else None
        by = c.u64()
        body = entry[:c.at]
        admit = c.take(64) if by else b''
        account = c.take(64)
        c.end()
        if version != 1 or op not in (1, 2) or device == 0:
            raise SealedError('damaged')
        if seq != self.seq + 1:
            raise SealedError('gap')
        if prev != self.head:
            raise SealedError('fork')
        if name != self.name:
            raise SealedError('not ours')
        self.check_signatures(body, admit, account, device, added, by)
        self.check_rules(device, added, by)
        if added:
            self.rows.append([device, added[0], added[1], True])
        else:
            self.find(device)[3] = False
        self.seq, self.head = seq, hash_of('csmsg device hash 1', self.account_key + entry)

    def check_signatures(self, body, admit, account, device, added, by):
        bound = self.account_key + body
        verify(self.account_key, 'csmsg device entry 1', bound + admit, account)
        if added:
            verify(added[0], 'csmsg device keys 1',
                   self.account_key + str8(self.name) + u64(device) + added[0] + added[1], added[2])
        for row in self.rows:
            if by and row[0] == by:
                verify(row[1], 'csmsg device admit 1', bound, admit)

    def find(self, device):
        for row in self.rows:
            if row[0] == device and row[3]:
                return row
        raise SealedError('forbidden')

    def check_rules(self, device, added, by):
        if by:
            self.find(by)
        if not added:
            self.find(device)
            return
        taken = [value for row in self.rows for value in row[:3]]
        if device in taken or added[0] in taken or added[1] in taken or len(self.rows) >= 64:
            raise SealedError('forbidden')
        if sum(row[3] for row in self.rows) >= 8:
            raise SealedError('forbidden')


# --- section 3 ---

class SignedPrekey:
    def __init__(self, keys, account_key, number, created, secret):
        self.id, self.created, self.pair = number, created, Pair(secret)
        self.signature = sign(keys.ed_secret, 'csmsg signed prekey 1', signed_prekey_text(
            account_key, keys.device, number, created, self.pair.public))

    def encode(self):
        return u32(self.id) + u64(self.created) + self.pair.public + self.signature


def signed_prekey_text(account_key, device, number, created, public):
    return bytes([SUITE]) + account_key + u64(device) + u32(number) + u64(created) + public


def bundle(device, signed, one_time=None):
    """one_time: (id, public)"""
    out = bytes([SUITE]) + u64(device) + signed.encode() + str16(b'')
    return out + (b'\1' + u32(one_time[0]) + one_time[1] if one_time else b'\0')


# --- section 4 ---

def x3dh_finish(parts, who_a, who_b, ephemeral, spk, opk):
    """(SK, AD, number of the session)"""
    sk = hkdf(b'', b'\xff' * 32 + b''.join(parts), b'csmsg x3dh 1', 32)
    ad = hash_of('csmsg x3dh ad 1', bytes([SUITE]) + who_a + who_b)
    return sk, ad, hash_of('csmsg session 1', ad + ephemeral + spk + (opk or NONE))


def x3dh_start(who_a, ik_a, who_b, ik_b, ek, spk, opk=None):
    """Initiator: ik_a, ek pairs; the others public keys."""
    parts = [dh(ik_a.secret, spk), dh(ek.secret, ik_b), dh(ek.secret, spk)]
    parts += [dh(ek.secret, opk)] if opk else []
    return x3dh_finish(parts, who_a, who_b, ek.public, spk, opk)


def x3dh_answer(who_a, ik_a, who_b, ik_b, ek, spk, opk=None):
    """Responder: ik_b, spk, opk pairs; the others public keys."""
    parts = [dh(spk.secret, ik_a), dh(ik_b.secret, ek), dh(spk.secret, ek)]
    parts += [dh(opk.secret, ek)] if opk else []
    return x3dh_finish(parts, who_a, who_b, ek, spk.public, opk.public if opk else None)


# --- section 5 ---

MAX_SKIP, ALL_SKIPPED, OLD_CHAINS, SKIP_DAYS = 1000, 2000, 5, 30
LAST = 2 ** 32 - 1


class Ratchet:
    """One end of a Double Ratchet. Skipped keys in the order of their making: (chain, n) -> day, mk."""

    def __init__(self, sk, ad, random, peer=None, pair=None):
        self.random, self.ad, self.root = random, ad, sk
        self.pair, self.peers, self.chain = pair, {0: peer or NONE}, 0
        self.send_ck = self.recv_ck = None
        self.last_send_ck = self.last_recv_ck = NONE  # what the stored form keeps when unset
        self.ns = self.nr = self.pn = 0
        self.skipped = {}
        if peer:
            self.send_step()

    def root_step(self, peer):
        out = hkdf(self.root, dh(self.pair.secret, peer), b'csmsg ratchet root 1', 64)
        return out[:32], out[32:]

    def send_step(self):
        self.pair = Pair(self.random.fill(32))
        self.root, self.send_ck = self.root_step(self.peers[self.chain])
        self.pn, self.ns = self.ns, 0

    def can_send(self):
        return self.send_ck is not None or self.recv_ck is not None

    def seal(self, text, front=b''):
        """front ‖ header ‖ ciphertext"""
        if self.send_ck is None:
            self.send_step()
        self.send_ck, key = chain_step(self.send_ck)
        head = front + self.pair.public + u32(self.pn) + u32(self.ns)
        self.ns += 1
        return head + seal(key, 'csmsg ratchet message 1', self.ad + head, text)

    def skip(self, state, until, day):
        """SkipMessageKeys on a copy: (recv_ck, nr, chain, made)"""
        recv_ck, nr, chain, made = state
        if recv_ck is None or until <= nr:
            return state
        if until - nr > MAX_SKIP:
            raise SealedError('too far')
        made = dict(made)
        for n in range(nr, until):
            recv_ck, key = chain_step(recv_ck)
            made[chain, n] = (day, key)
        return recv_ck, until, chain, made

    def open(self, message, front, day):
        """The text of a message whose header begins at front; SealedError and no change otherwise."""
        c = Cursor(message)
        c.take(front)
        peer, pn, n = c.take(32), c.u32(), c.u32()
        ad, sealed = self.ad + message[:c.at], c.rest()
        if len(sealed) < 16:
            raise SealedError('damaged')
        known = [k for k in range(self.chain, max(self.chain - OLD_CHAINS, 1) - 1, -1) if self.peers[k] == peer]
        if known and (known[0], n) in self.skipped:
            return self.open_skipped(known[0], n, ad, sealed, day)
        state, root = (self.recv_ck, self.nr, self.chain, {}), self.root
        if not known:
            if n > MAX_SKIP:
                raise SealedError('too far')
            recv_ck, nr, chain, made = self.skip(state, pn, day)
            root, recv_ck = self.root_step(peer)
            state = recv_ck, 0, chain + 1, made
        elif known[0] != self.chain or n < self.nr:
            raise SealedError('no key')
        if n == LAST:
            raise SealedError('too far')
        recv_ck, nr, chain, made = self.skip(state, n, day)
        recv_ck, key = chain_step(recv_ck)
        text = open_sealed(key, 'csmsg ratchet message 1', ad, sealed)
        self.root, self.recv_ck, self.nr = root, recv_ck, nr + 1
        if not known:
            self.peers[chain] = peer
            self.chain = chain
            self.last_send_ck = self.send_ck or self.last_send_ck
            self.send_ck = None
        self.expire(day)
        self.skipped.update(made)
        while len(self.skipped) > ALL_SKIPPED:
            del self.skipped[next(iter(self.skipped))]
        return text

    def open_skipped(self, chain, n, ad, sealed, day):
        made, key = self.skipped[chain, n]
        if day - made > SKIP_DAYS:
            raise SealedError('no key')
        text = open_sealed(key, 'csmsg ratchet message 1', ad, sealed)
        del self.skipped[chain, n]
        self.expire(day)
        return text

    def expire(self, day):
        for chain, n in [k for k, (made, _) in self.skipped.items()
                         if self.chain - k[0] > OLD_CHAINS or day - made > SKIP_DAYS]:
            del self.skipped[chain, n]

    def encode(self):
        flags = (1 if self.can_send() else 0) | (2 if self.send_ck else 0) | (4 if self.recv_ck else 0)
        out = bytes([1, flags]) + self.ad + self.root + self.pair.secret
        out += (self.send_ck or self.last_send_ck) + (self.recv_ck or NONE)
        out += u32(self.ns) + u32(self.nr) + u32(self.pn) + u32(self.chain)
        ring = [NONE] * 6
        for chain in range(max(0, self.chain - 5), self.chain + 1):
            ring[chain % 6] = self.peers[chain]
        out += b''.join(ring) + u16(len(self.skipped))
        for (chain, n), (day, key) in self.skipped.items():
            out += u32(chain) + u32(n) + u32(day) + key
        return out


# --- section 6 ---

def head_front(number, part=None):
    return bytes([2 if part else 1, SUITE]) + number[:8] + (part or b'')


def x3dh_part(ik, ek, signed_id, one_time_id):
    return ik + ek + u32(signed_id) + u32(one_time_id)


def padded_size(n):
    size = 64
    while size <= n:
        size = size * 2 if size < 4096 else size + 4096
    return size


def pad(content):
    return (content + b'\x80').ljust(padded_size(len(content)), b'\0')


def unpad(padded):
    content = padded.rstrip(b'\0')
    if not content.endswith(b'\x80') or padded_size(len(content) - 1) != len(padded):
        raise SealedError('damaged')
    return content[:-1]


def body_ad(sender, sender_account, sender_device, number, to, to_account, from_seq, to_seq):
    return (label('csmsg body ad 1') + str8(sender) + sender_account + u64(sender_device) + u64(number) + str8(to) +
            to_account + u32(from_seq) + u32(to_seq))


def body(key, ad, content):
    return bytes([SUITE]) + seal(key, 'csmsg body 1', ad, pad(content))


def open_body(key, ad, sealed):
    if sealed[:1] != bytes([SUITE]):
        raise SealedError('damaged')
    return unpad(open_sealed(key, 'csmsg body 1', ad, sealed[1:]))


def head_text(key, from_seq, to_seq): return b'\1' + key + u32(from_seq) + u32(to_seq)


def content(kind, time, fields): return bytes([1, kind]) + u64(time) + fields
