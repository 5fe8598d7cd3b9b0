"""Words, numbers and codes that people compare: docs/sealed.md sections 9 to 12, from that text."""
import hashlib
import pathlib
import re

from sealed import (NONE, Cursor, Pair, SealedError, dh, hash_of, hkdf, label, mac, seal, sign, str8, u32, u64, verify)

SOURCE = pathlib.Path(__file__).resolve().parents[2] / 'ipc' / 'words_list.c'
WORDS = re.findall(r'"([a-z]+)",', SOURCE.read_text())
CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'


def spell(bits, n):
    number = int.from_bytes(bits, 'big') >> (len(bits) * 8 - n * 11)
    return [WORDS[number >> (11 * (n - 1 - i)) & 2047] for i in range(n)]


def iterate(start, key):
    side = hashlib.sha512(start).digest()
    for _ in range(5200):
        side = hashlib.sha512(side + key).digest()
    return side


def digits(side):
    return ' '.join('%05d' % (int.from_bytes(side[i:i + 5], 'big') % 100000) for i in range(0, 30, 5))


def safety_number(one, two):
    """(60 digits in groups, six words); one and two are (account key, name)."""
    sides = sorted((iterate(b'\0\1' + key + name.lower(), key) for key, name in (one, two)), key=lambda s: (digits(s), s))
    words = hashlib.sha512(label('csmsg safety words 1') + b''.join(sides)).digest()
    return ' '.join(digits(s) for s in sides), '-'.join(spell(words, 6))


def fingerprint(key): return '-'.join(spell(iterate(label('csmsg fingerprint 1') + key, key), 6))


def paper_key(seed): return ' '.join(spell(seed + hashlib.sha256(seed).digest()[:1], 24))


def roster_entry(anchor, serial, class_name, name, account_key, role, issued, expires):
    """anchor: (public, secret)"""
    out = b'\1' + u32(serial) + str8(class_name) + str8(name) + account_key + bytes([role]) + u64(issued) + u64(expires)
    return out + sign(anchor[1], 'csmsg roster 1', anchor[0] + out)


def read_roster_entry(anchor_key, raw):
    """Its fields; SealedError unless it is signed with the anchor key."""
    c = Cursor(raw)
    version = c.u8()
    e = dict(serial=c.u32(), class_name=c.str8(), name=c.str8(), account_key=c.take(32), role=c.u8(), issued=c.u64(),
             expires=c.u64())
    body, signature = raw[:c.at], c.take(64)
    c.end()
    if version != 1 or e['role'] > 2:
        raise SealedError('damaged')
    verify(anchor_key, 'csmsg roster 1', anchor_key + body, signature)
    return e


def make_code(random):
    raw = random.fill(12)
    return raw[:11] + bytes([raw[11] & 0xc0])


def spell_code(secret):
    check = int.from_bytes(hash_of('csmsg code 1', secret)[:2], 'big') >> 6
    number = int.from_bytes(secret, 'big') >> 6 << 10 | check
    text = ''.join(CROCKFORD[number >> (5 * (19 - i)) & 31] for i in range(20))
    return '-'.join(text[i:i + 5] for i in range(0, 20, 5))


def read_code(text):
    """The secret of a code as somebody has typed it."""
    symbols = text.upper().replace('-', '').replace(' ', '').translate(str.maketrans('OIL', '011'))
    number = 0
    for symbol in symbols:
        number = number << 5 | CROCKFORD.index(symbol)
    secret = (number >> 10 << 6).to_bytes(12, 'big')
    if len(symbols) != 20 or spell_code(secret).replace('-', '') != symbols:
        raise SealedError('not a code')
    return secret


def code_keys(secret, anchor_key):
    k = hkdf(anchor_key, secret, b'csmsg invitation 1', 72)
    return k[:8], k[8:40], k[40:]


def claim(secret, anchor_key, class_name, name, account):
    """account: (public, secret)"""
    number, key, _ = code_keys(secret, anchor_key)
    out = b'\1' + number + str8(class_name) + str8(name) + account[0]
    out += mac(key, label('csmsg claim mac 1') + out)
    return out + sign(account[1], 'csmsg claim 1', anchor_key + out)


def read_claim(secret, anchor_key, raw):
    """Its fields; SealedError unless it was made with this code, and by the account that it names."""
    c = Cursor(raw)
    number, key, _ = code_keys(secret, anchor_key)
    version, named = c.u8(), c.take(8)
    fields = dict(class_name=c.str8(), name=c.str8(), account_key=c.take(32))
    front, tag, signature = raw[:c.at], c.take(32), c.take(64)
    c.end()
    if version != 1 or named != number or tag != mac(key, label('csmsg claim mac 1') + front):
        raise SealedError('forged')
    verify(fields['account_key'], 'csmsg claim 1', anchor_key + front + tag, signature)
    return fields


def read_welcome(secret, anchor_key, raw):
    """The fields of its entry; SealedError unless who knows the code has made it, with this anchor key."""
    if raw[-32:] != mac(code_keys(secret, anchor_key)[2], label('csmsg welcome 1') + raw[:-32]):
        raise SealedError('forged')
    return read_roster_entry(anchor_key, raw[:-32])


def welcome(secret, anchor_key, entry):
    return entry + mac(code_keys(secret, anchor_key)[2], label('csmsg welcome 1') + entry)


def admission_offer(keys, name, e, nonce):
    return b'\1' + str8(name) + u64(keys.device) + keys.ed + keys.x.public + e.public + nonce


def admission_answer(account_key, device, e, nonce): return b'\1' + account_key + u64(device) + e.public + nonce


def admission_secret(commit, answer, offer, shared):
    """(transcript, code, key of the grant)"""
    t = hash_of('csmsg admit transcript 1', commit + answer + offer)
    s = hkdf(t, shared, b'csmsg admit 1', 40)
    return t, '%08d' % (int.from_bytes(s[:8], 'little') % 10 ** 8), s[8:]


def admission(newcomer, name, account_key, host_device, random_new, random_host, devices, gift):
    """A whole run; the messages as (commit, answer, offer, code, grant)."""
    e_new, nonce_new = Pair(random_new.fill(32)), random_new.fill(32)
    e_host, nonce_host = Pair(random_host.fill(32)), random_host.fill(32)
    offer = admission_offer(newcomer, name, e_new, nonce_new)
    commit = hash_of('csmsg admit commit 1', offer)
    answer = admission_answer(account_key, host_device, e_host, nonce_host)
    t, code, key = admission_secret(commit, answer, offer, dh(e_new.secret, e_host.public))
    grant = seal(key, 'csmsg admit grant 1', t, u32(len(devices)) + devices + gift)
    return commit, answer, offer, code, grant


assert len(WORDS) == 2048 and NONE == bytes(32)
