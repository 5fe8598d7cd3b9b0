#!/usr/bin/python3
"""Runs the published Noise vectors for NX with 25519, ChaChaPoly and SHA256 through noise.py, so
that the reference rests on more than itself; exits 1 on a difference."""
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import noise  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'vectors' / 'noise'


def compare(got, expected, what):
    """Exits when a value differs from the vector's hex."""
    if got.hex() != expected:
        sys.exit('%s: expected %s, derived %s' % (what, expected, got.hex()))


def run(vector, what):
    """One vector: both handshake messages from both sides, the hash, the records after it."""
    data = {k: bytes.fromhex(v) for k, v in vector.items() if k.startswith(('init_', 'resp_'))
            and isinstance(v, str)}
    client = noise.Initiator(data['init_prologue'], data['init_ephemeral'])
    server = noise.Responder(data['resp_prologue'], data['resp_static'], data['resp_ephemeral'])
    first, second, *later = vector['messages']
    # Vectors have a payload in message 1, which the protocol has not: mixed in by hand.
    key = noise.public_key(client.ephemeral)
    client.state.mix_hash(key)
    message = key + client.state.encrypt_and_hash(bytes.fromhex(first['payload']))
    compare(message, first['ciphertext'], what + ' message 1')
    compare(server.read_1(message), first['payload'], what + ' payload 1')
    message = server.message_2(bytes.fromhex(second['payload']))
    compare(message, second['ciphertext'], what + ' message 2')
    compare(client.read_2(message), second['payload'], what + ' payload 2')
    compare(client.h, vector.get('handshake_hash', server.h.hex()), what + ' handshake hash')
    for number, row in enumerate(later):
        text = noise.seal(client.keys()[number % 2], number // 2, b'',
                          bytes.fromhex(row['payload']))
        compare(text, row['ciphertext'], '%s record %d' % (what, number))


def main():
    """All files; counts what it ran."""
    count = 0
    for path in sorted(FOLDER.glob('*.json')):
        for vector in json.loads(path.read_text())['vectors']:
            if vector.get('protocol_name', vector.get('name')) == noise.NAME.decode():
                run(vector, path.name)
                count += 1
    print('noise vectors: %d' % count)
    sys.exit(0 if count else 'no vector for %s in %s' % (noise.NAME.decode(), FOLDER))


if __name__ == '__main__':
    main()
