"""Groups end to end: docs/sealed.md sections 7 and 8, written from that text."""
from sealed import (Cursor, NONE, SealedError, chain_step, hash_of, label, open_sealed, pad, seal, sign, sign_pair, str8,
                    u32, u64, unpad, verify)


class SenderKey:
    """One generation of a sender: chain and signing key."""

    def __init__(self, group, generation, chain, public, secret=None, iteration=0):
        self.group, self.generation, self.iteration = group, generation, iteration
        self.chain, self.public, self.secret = chain, public, secret
        self.skipped = {}

    @classmethod
    def make(cls, group, last, random):
        chain = random.fill(32)
        public, secret = sign_pair(random.fill(32))
        return cls(group, last + 1, chain, public, secret)

    def distribution(self):
        return self.group + u32(self.generation) + u32(self.iteration) + self.chain + self.public

    @classmethod
    def accept(cls, distribution):
        c = Cursor(distribution)
        group, generation, iteration, chain, public = c.take(32), c.u32(), c.u32(), c.take(32), c.take(32)
        c.end()
        return cls(group, generation, chain, public, None, iteration)

    def ad(self, sender, number, log_hash, front):
        return label('csmsg group ad 1') + self.group + sender + u64(number) + log_hash + front

    def seal(self, sender, number, log_seq, log_hash, content):
        front = b'\2' + u32(self.generation) + u32(self.iteration) + u32(log_seq)
        ad = self.ad(sender, number, log_hash, front)
        self.chain, key = chain_step(self.chain)
        self.iteration += 1
        sealed = seal(key, 'csmsg group message 1', ad, pad(content))
        return front + sealed + sign(self.secret, 'csmsg group sign 1', ad + sealed)

    def open(self, sender, number, log_hash, body):
        front, sealed, signature = body[:13], body[13:-64], body[-64:]
        c = Cursor(front)
        if c.u8() != 2 or c.u32() != self.generation:
            raise SealedError('other')
        iteration = c.u32()
        ad = self.ad(sender, number, log_hash, front)
        verify(self.public, 'csmsg group sign 1', ad + sealed, signature)
        chain, made, at = self.chain, {}, self.iteration
        if iteration < at and iteration not in self.skipped:
            raise SealedError('no key')
        if iteration > at + 1000:
            raise SealedError('too far')
        while at <= iteration:
            chain, made[at] = chain_step(chain)
            at += 1
        key = self.skipped[iteration] if iteration < self.iteration else made[iteration]
        text = unpad(open_sealed(key, 'csmsg group message 1', ad, sealed))
        self.skipped.update(made)
        del self.skipped[iteration]
        self.chain, self.iteration = chain, at
        return text


OPS = {'create': 1, 'invite': 2, 'join': 3, 'leave': 4, 'kick': 5, 'role': 6, 'mute': 7, 'topic': 8, 'open': 9}


def entry(group, seq, prev, op, time, actor, subject=(b'', NONE), role=0, until=0, text=b''):
    """An entry; actor is (name, account key, device, the device's Ed25519 secret)."""
    out = bytes([1, OPS[op]]) + group + u32(seq) + prev + u64(time) + str8(actor[0]) + actor[1] + u64(actor[2])
    out += str8(subject[0]) + subject[1] + bytes([role]) + u64(until) + str8(text)
    return out + sign(actor[3], 'csmsg group entry 1', out)


def entry_hash(raw): return hash_of('csmsg group hash 1', raw)
