#!/usr/bin/python3
"""Two ends of a ratchet under random loss, repeats, damage and disorder, in the second implementation.

sealed_ratchet.py MESSAGES FILE writes what happened: digests over every ciphertext and every outcome, ten
times on the way, and both states in the end. tests/unit/test_sealed_model.c plays the same dice in C and
must come to the same digests. tests/vectors/sealed/ratchet.json is frozen with 100,000 messages;
`make ratchet-model MESSAGES=1000000` makes a longer one and plays it.
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True

import sealed as s  # noqa: E402

FLIGHT = 64  # messages under way in one direction; what does not fit is lost
VERDICTS = {'damaged': 1, 'no key': 2, 'too far': 3, 'low order': 4}


class Dice:
    def __init__(self, seed):
        self.state = seed

    def roll(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (self.state >> 32) % n


class Game:
    def __init__(self):
        self.dice, self.day = Dice(1), 20000
        sk, ad = s.hash_of('game', b'sk'), s.hash_of('game', b'ad')
        randoms = [s.Random('game a'), s.Random('game b')]
        pair = s.Pair(randoms[1].fill(32))
        self.end = [s.Ratchet(sk, ad, randoms[0], peer=pair.public), s.Ratchet(sk, ad, randoms[1], pair=pair)]
        self.flight = [[], []]  # by sender
        self.digest = bytes(32)
        self.sent = self.opened = self.refused = 0

    def note(self, *parts):
        self.digest = hashlib.sha256(self.digest + b''.join(parts)).digest()

    def send(self, side, kept=True):
        if not self.end[side].can_send():
            return
        message = self.end[side].seal(s.u64(self.sent) + bytes(self.dice.roll(40)))
        self.sent += 1
        self.note(message)
        if kept and len(self.flight[side]) < FLIGHT:
            self.flight[side].append(message)

    def receive(self, side, message):
        try:
            text, verdict = self.end[side].open(message, 0, self.day), 0
            self.opened += 1
        except s.SealedError as error:
            text, verdict = b'', VERDICTS[str(error)]
            self.refused += 1
        self.note(bytes([side, verdict]), text)

    def deliver(self, side):
        """To this side, from the other."""
        flight = self.flight[1 - side]
        if not flight:
            return
        near = self.dice.roll(4) > 0
        at = self.dice.roll(min(len(flight), 8) if near else len(flight))
        message, fate = flight[at], self.dice.roll(20)
        if fate == 0:  # lost
            del flight[at]
        elif fate == 1:  # will come again
            self.receive(side, message)
        elif fate == 2:  # damaged on the way, and will come again
            bit = self.dice.roll(len(message) * 8)
            damaged = bytearray(message)
            damaged[bit // 8] ^= 1 << bit % 8
            self.receive(side, bytes(damaged))
        else:
            del flight[at]
            self.receive(side, message)

    def turn(self):
        what = self.dice.roll(1000)
        side = self.dice.roll(2)
        if what < 500:
            self.send(side)
        elif what < 990:
            self.deliver(side)
        elif what < 999:
            self.day += self.dice.roll(3)
        else:
            for _ in range(self.dice.roll(700)):
                self.send(side, kept=False)

    def play(self, messages):
        points = []
        while len(points) < 10:
            self.turn()
            while len(points) < 10 and self.sent >= messages * (len(points) + 1) // 10:
                points.append(self.digest.hex())
        return points


def main():
    messages, path = int(sys.argv[1]), sys.argv[2]
    game = Game()
    points = game.play(messages)
    state = [hashlib.sha256(end.encode()).hexdigest() for end in game.end]
    with open(path, 'w') as out:
        json.dump({'messages': messages, 'points': points, 'opened': game.opened, 'refused': game.refused,
                   'state_a': state[0], 'state_b': state[1]}, out, indent=1)
        out.write('\n')
    print('ratchet model: %d sent, %d opened, %d refused' % (game.sent, game.opened, game.refused))


if __name__ == '__main__':
    main()
