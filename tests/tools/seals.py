#!/usr/bin/python3
"""seals.py FILE... - judges logs of seals (ipc/seal_log.h): exit status 1 when a number was used for two
plaintexts under one key, where both could have left the process.

The entries of one key stand in the order in which they were written: one worker at a time has it. An
entry stands before its commit; whether the commit was made, the next adoption tells by its position:

    behind the record's end    it was committed and may have left; its number is used up
    before the record's end    the worker died before the commit; the number is free again,
                               unless the record left all the same, which is a failure of its own
"""
import os
import struct
import sys

ENTRY = struct.Struct('<B7x8sQ8sQ')
SEALED, LEAVES, ADOPTED = 1, 2, 3


class Key:
    """What is known of one key since the last adoption: number -> (hash of the plaintext, end of the record)."""

    def __init__(self):
        self.used, self.left = {}, 0  # left: up to here bytes may have left
        self.next = 0  # numbers below it were used up before the last adoption

    def sealed(self, number, plain, end):
        """Words of complaint."""
        if number < self.next:
            return ['number %d again, after an adoption that went on from %d' % (number, self.next)]
        before, _ = self.used.get(number, (plain, 0))
        self.used[number] = plain, end
        return [] if before == plain else ['number %d for two plaintexts, %s and %s' % (
            number, before.hex(), plain.hex())]

    def adopted(self, number, position):
        """Words of complaint."""
        wrong = []
        if position < self.left:
            wrong.append('bytes up to %d may have left, and a successor knows of %d' % (self.left, position))
        wrong += ['number %d was committed, and a successor goes on from %d' % (used, number)
                  for used, (_, end) in self.used.items() if end <= position and used >= number]
        self.used, self.next = {}, number
        return wrong


def judge(data):
    """(what is wrong, one line each; how many records were sealed; how many sessions were adopted)."""
    wrong, keys, counts = [], {}, {SEALED: 0, LEAVES: 0, ADOPTED: 0}
    if len(data) % ENTRY.size:
        wrong.append('the log ends in the middle of an entry')
        data = data[:-(len(data) % ENTRY.size)]
    for kind, name, number, plain, position in ENTRY.iter_unpack(data):
        if kind not in counts:
            wrong.append('an entry of an unknown kind, %d' % kind)
            continue
        key = keys.setdefault(name, Key())
        counts[kind] += 1
        said = []
        if kind == SEALED:
            said = key.sealed(number, plain, position)
        elif kind == LEAVES:
            key.left = max(key.left, position)
        else:
            said = key.adopted(number, position)
        wrong += ['key %s: %s' % (name.hex(), words) for words in said]
    return wrong, counts[SEALED], counts[ADOPTED]


def main():
    """Judges the files of the command line."""
    status = 0
    for path in sys.argv[1:]:
        with open(path, 'rb') as log:
            wrong, sealed, adopted = judge(log.read())
        for line in wrong[:20]:
            print('%s: %s' % (os.path.basename(path), line), file=sys.stderr)
        print('seals: records=%d adopted=%d repeated=%d' % (sealed, adopted, len(wrong)))
        status = status or int(bool(wrong))
    return status


if __name__ == '__main__':
    sys.exit(main())
