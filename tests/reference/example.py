#!/usr/bin/python3
"""Makes the worked example of docs/protocol.md, section 10, from fixed keys.

    tests/reference/example.py            prints the section
    tests/reference/example.py --write    puts it into docs/protocol.md

blocks() is the list that check_example.py compares with the document.
"""
import pathlib
import struct
import sys

sys.dont_write_bytecode = True

import csmsg  # noqa: E402
import frames  # noqa: E402
import noise  # noqa: E402
import records  # noqa: E402
from frames import Frame  # noqa: E402

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'protocol.md'
TITLE = '## 10. A worked example'
DAY_MS = 86400 * 1000
NOW = 1735689600000  # 2025-01-01T00:00:00Z
PER_LINE = 32

INTRODUCTION = '''
Alice logs in, sends "hi" to Bob, and receives "hello" from him. The keys are fixed, so every byte
can be derived again; a test does so. Values are in hex, in the order in which they travel; integers
are written as numbers. Lines below a name belong to it.
'''

SECTIONS = {
    'inputs': '''
Inputs. The ephemeral keys and transport_secret are X25519 private keys; seeds are Ed25519 seeds as
in RFC 8032.
''',
    'handshake': '''
Handshake. `client_preface` and `message1` leave together; `server_preface` and `message2` answer.
The messages are shown with their `len`. `payload2` is the payload of message 2 before encryption;
`h` is the handshake hash after it.
''',
    'records': '''
Records. Each `…_frame` is the frame with its PAD as it is encrypted, each `…_record` the bytes on
the wire. `login_signed` is the text under LOGIN's signature. Each direction counts its records from
0: LOGIN and WELCOME are the first.
''',
}


class Inputs:
    """The fixed values; every attribute is shown in the document."""

    client_ephemeral = bytes(range(0x10, 0x30))
    server_ephemeral = bytes(range(0x40, 0x60))
    server_seed = bytes(range(0x70, 0x90))
    transport_secret = bytes(range(0xa0, 0xc0))
    device_seed = bytes(range(0xd0, 0xf0))
    challenge = bytes(range(0x01, 0x11))
    not_before = NOW - DAY_MS
    not_after = NOW + 30 * DAY_MS
    server_time = NOW
    max_text = 65536
    window = 256
    device = 0x1122334455667788

    @classmethod
    def listed(cls):
        """(name, value) of each input, in order."""
        return [(k, v) for k, v in vars(cls).items() if isinstance(v, (bytes, int))]


def conversation():
    """The frames after the login: (name, from the client?, frame)."""
    welcome = Frame(
        'WELCOME', user='alice', account=7, device=Inputs.device, incarnation=3, last_id=0, flags=1,
        role=0, lobby_head=41, waiting=0, keep_s=14 * 86400, server='lab.example')
    send = Frame('SEND', id=1, kind=frames.TO_USER, to='bob', heads=[],
                 body=csmsg.plain_body('hi'))
    accepted = Frame('ACCEPTED', id=1, state=frames.DELIVERED, to='', waiting=0, keep_s=0,
                     absent=0)
    deliver = Frame(
        'DELIVER', flags=0, incarnation=3, seq=1, time=NOW + 5000, sender='bob',
        from_device=0x99aabbccddeeff00, id=12, to='alice', head=b'',
        body=csmsg.plain_body('hello'))
    ack = Frame('ACK', kind=frames.TO_USER, incarnation=3, seq=1, room='')
    return [('welcome', False, welcome), ('send', True, send), ('accepted', False, accepted),
            ('deliver', False, deliver), ('ack', True, ack)]


def handshake():
    """The handshake of both sides: (blocks, the client's keys, h)."""
    client_preface, server_preface = csmsg.preface(), csmsg.ANSWER_MAGIC + bytes([1, 0])
    start = csmsg.prologue(client_preface, server_preface)
    client = noise.Initiator(start, Inputs.client_ephemeral)
    server = noise.Responder(start, Inputs.transport_secret, Inputs.server_ephemeral)
    message_1 = client.message_1()
    server.read_1(message_1)
    payload = csmsg.Hello.make(
        Inputs.server_seed, noise.public_key(Inputs.transport_secret), Inputs.not_before,
        Inputs.not_after, Inputs.challenge, Inputs.server_time, Inputs.max_text, Inputs.window)
    message_2 = server.message_2(payload)
    assert client.read_2(message_2) == payload and client.h == server.h
    assert client.keys() == server.keys()[::-1]
    csmsg.Hello(payload).check(client.remote_static)
    shown = [
        ('client_preface', client_preface), ('message1', csmsg.framed(message_1)),
        ('server_preface', server_preface), ('prologue', start), ('payload2', payload),
        ('message2', csmsg.framed(message_2)), ('h', client.h),
        ('key_client_to_server', client.keys()[0]), ('key_server_to_client', client.keys()[1]),
        ('fingerprint', csmsg.fingerprint(csmsg.signing_key(Inputs.server_seed)))]
    return shown, client.keys(), client.h


def transport(keys, h):
    """The records in the order in which they travel."""
    client, server = records.Direction(keys[0]), records.Direction(keys[1])
    login = csmsg.Identity('alice', Inputs.device_seed, Inputs.device).login(
        h, Inputs.challenge, caps=frames.RECEIVE | frames.LOBBY)
    text = b'login1' + h + Inputs.challenge + b'alice' + struct.pack('<Q', Inputs.device)
    shown = [('login_signed', text)]
    for name, from_client, frame in [('login', True, login)] + conversation():
        plaintext = records.pad(b''.join(frames.encode(frame)))
        assert list(frames.Assembler().frames(plaintext)) == [frame]
        shown.append((name + '_frame', plaintext))
        shown.append((name + '_record', (client if from_client else server).seal(plaintext)))
    return shown


def blocks():
    """{section: [(name, value)]}; values are bytes, numbers or text."""
    shown, keys, h = handshake()
    return {'inputs': Inputs.listed(), 'handshake': shown, 'records': transport(keys, h)}


def lines_of(value):
    """A value as the lines below its name."""
    if not isinstance(value, bytes):
        return [str(value)]
    text = value.hex()
    return [text[i:i + 2 * PER_LINE] for i in range(0, len(text), 2 * PER_LINE)]


def section():
    """The section as it stands in the document."""
    out = TITLE + '\n' + INTRODUCTION
    for name, values in blocks().items():
        rows = [row for key, value in values for row in [key + ':'] + lines_of(value)]
        out += SECTIONS[name] + '\n```\n' + '\n'.join(rows) + '\n```\n'
    return out


def main():
    """Prints the section, or writes it into the document in place of the old one."""
    if sys.argv[1:] == ['--write']:
        before = DOCUMENT.read_text().split('\n' + TITLE)[0].rstrip('\n')
        DOCUMENT.write_text(before + '\n\n' + section())
    else:
        print(section(), end='')


if __name__ == '__main__':
    main()
