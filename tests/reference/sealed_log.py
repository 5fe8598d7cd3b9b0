#!/usr/bin/python3
"""Logs of groups that dice have written, judged by the second implementation: right entries, entries by who may
not, and damaged ones. What it says of each, and who is in after it, is frozen in tests/vectors/sealed/log.json;
tests/unit/test_sealed_log.c must say the same.

sealed_log.py            compares with the file, exits 1 on a difference
sealed_log.py --write    writes it. Only when docs/sealed.md, section 8, has changed.
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True

import sealed as s  # noqa: E402
import sealed_group as g  # noqa: E402
from sealed_ratchet import Dice  # noqa: E402
from sealed_vectors import FILE, NOW, Person  # noqa: E402

LOG_FILE = FILE.with_name('log.json')
GAMES, TURNS = 8, 50
NAMES = 'alice', 'bob', 'carol', 'dave', 'prof'
INSTRUCTOR = 'prof'


def state(m):
    """A digest of all that a log says."""
    out = bytes([m.is_open]) + s.str8(m.name) + s.str8(m.topic)
    for account, p in sorted(m.people.items()):
        out += account + s.str8(p.name) + bytes([p.role, p.invited, p.barred]) + s.u64(p.until)
    return hashlib.sha256(out).hexdigest()


class Game:
    """One group: entries that mostly are in their place, by whoever the dice choose."""

    def __init__(self, seed, cast):
        self.dice, self.cast = Dice(seed), cast
        self.log = g.Membership(self.key_of)
        self.rows = []

    def key_of(self, e):
        """The cast's device lists: each has one device, and prof is an instructor."""
        person = self.cast.get(e['actor'].decode())
        if not person or (person.account, person.keys.device) != (e['actor_account'], e['actor_device']):
            return None, False
        return person.keys.ed, person.name == INSTRUCTOR.encode()

    def somebody(self):
        """One of the cast."""
        return self.cast[NAMES[self.dice.roll(len(NAMES))]]

    def actor(self):
        """Mostly somebody who is in."""
        inside = [p for p in self.cast.values() if p.account in self.log.members()]
        return inside[self.dice.roll(len(inside))] if inside and self.dice.roll(3) else self.somebody()

    def fields(self, op):
        """What this op needs, sometimes more or less."""
        uses, found = set(g.USES[op]), {}
        if self.dice.roll(25) == 0:
            uses ^= {(g.SUBJECT, g.ROLE, g.UNTIL, g.TEXT)[self.dice.roll(4)]}
        if g.SUBJECT in uses:
            subject = self.somebody()
            found['subject'] = subject.name, subject.account
        if g.ROLE in uses:
            found['role'] = self.dice.roll(2) if op in ('create', 'open') else self.dice.roll(5)
        if g.UNTIL in uses:
            found['until'] = (0, NOW + self.dice.roll(1000))[self.dice.roll(2)]
        if g.TEXT in uses:
            found['text'] = b'#room' if op == 'create' else b'text %d' % self.dice.roll(100)
        return found

    def entry(self):
        """The next one; every eighth with something wrong."""
        actor, signer, ops = self.actor(), None, list(g.OPS)
        op = 'create' if self.log.seq == 0 and self.dice.roll(8) else ops[self.dice.roll(len(ops))]
        group, seq, head, device = self.log.group, self.log.seq + 1, self.log.head, actor.keys.device
        wrong = self.dice.roll(64)
        if wrong == 0:
            seq += 1
        elif wrong == 1:
            head = s.hash_of('another', head)
        elif wrong == 2:
            group = s.hash_of('another', group)
        elif wrong == 3:
            device += 1
        elif wrong == 4:
            signer = self.somebody()
        raw = g.entry(group, seq, head, op, NOW + self.dice.roll(1000),
                      (actor.name, actor.account, device, (signer or actor).keys.ed_secret), **self.fields(op))
        if wrong == 5:
            bit = self.dice.roll(len(raw) * 8)
            raw = raw[:bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1:]
        return raw[:-1 - self.dice.roll(len(raw))] if wrong == 6 else raw

    def turn(self):
        """One entry, what is said of it, and when it was taken who is in."""
        raw = self.entry()
        try:
            self.log.apply(raw)
            verdict = 'good'
        except s.SealedError as error:
            verdict = str(error)
        after = {'state': state(self.log)} if verdict == 'good' else {}
        self.rows.append({'entry': raw.hex(), 'verdict': verdict, **after})


def make():
    """All games, as the file has them."""
    games = [Game(seed, {name: Person(name) for name in NAMES}) for seed in range(1, GAMES + 1)]
    for game in games:
        for _ in range(TURNS):
            game.turn()
    return [game.rows for game in games]


def main():
    """Compares, or writes."""
    games = make()
    text = json.dumps(games, indent=1) + '\n'
    if '--write' in sys.argv:
        LOG_FILE.write_text(text)
    same = LOG_FILE.read_text() == text
    verdicts = [row['verdict'] for rows in games for row in rows]
    print('logs of groups: %d entries, %s, %s' % (
        len(verdicts), ', '.join('%d %s' % (verdicts.count(v), v) for v in sorted(set(verdicts))),
        'as frozen' if same else 'NOT as frozen'))
    sys.exit(0 if same else 1)


if __name__ == '__main__':
    main()
