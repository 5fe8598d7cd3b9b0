"""The frames of docs/protocol.md, sections 4 to 7: one table, and a codec that reads it.

A frame is a Frame: its name and its fields as attributes. encode() and decode() are the only ways
to bytes and back; a payload that does not fit its row exactly is Invalid. Types that both sides
use with different payloads carry the side in the name: PRESENCE_C from the client, PRESENCE_S
from the server.
"""
import struct

PART_OVER = 65000        # a longer payload travels in parts
WHOLE_MAX = 81920        # all parts of one frame together
NEWCOMER = 2 ** 64 - 1   # LOGIN.lobby_seen: send the backlog

RECEIVE, LOBBY, ADMIT = 1, 2, 4                          # LOGIN.caps
TO_USER, TO_ROOM = 0, 1                        # SEND.kind, ACK.kind
IN_ROOM, BACKLOG, STORED, OF_LOG = 1, 2, 4, 8  # DELIVER.flags
TAKEN, DELIVERED, KEPT, EXPIRED = 1, 2, 3, 4   # states of ACCEPTED and RECEIPT
SET, LIST, ABOUT = 1, 2, 3                     # PRESENCE_C.op
CHANGES = 1                                    # PRESENCE_S.op; 2 and 3 as above
JOINED, LEFT, AWAY, BACK = 1, 2, 3, 4          # changes[].change
JOIN, PARTING, REFUSED = 1, 2, 3               # GROUP op: join(ed), part(ed), refused
G_APPEND, G_LOG, G_LIST, G_MEMBERS, G_PLACE = 3, 4, 5, 6, 7  # GROUP_C.op, of groups
NO, G_ENTRIES, GROUPS, MEMBERS, G_HEAD, PLACED, GAP, INVITED, DELETED = range(4, 13)  # GROUP_S.op
MINE, ALL_OPEN = 0, 1                          # GROUP_C list: scope
IS_OPEN, IS_MEMBER, IS_INVITED, IS_MUTED, IS_PRESENT = 1, 2, 4, 8, 16
FROM_NOW = 2 ** 64 - 1                         # GROUP_C place: seen
PUBLISH, FETCH, OWN = 1, 2, 3                  # KEYS_C.op; LIST_C: fetch is 1
BUNDLES = 1                                    # KEYS_S.op; 2 is OWN_ANSWER, 3 REFUSED
OWN_ANSWER = 2
LIST_FETCH, APPEND = 1, 2                      # LIST_C.op
ENTRIES, HEAD = 1, 2                           # LIST_S.op; 3 is REFUSED
CARRY, END, PAPER = 1, 2, 3                    # ADMIT_C.op; ADMIT_S: the first two, 3 is REFUSED
LATE, GONE, GIVEN_UP, TAKEN_BY_OTHER = 1, 2, 3, 4   # ADMIT_S.why
ENTRY, CLAIM, WELCOME = 1, 2, 3                # ROSTER kind
ROSTER_FETCH, PUT, DROP = 1, 2, 3              # ROSTER_C.op
ITEMS, NEWS, DONE = 1, 2, 4                    # ROSTER_S.op; 3 is REFUSED
KICK, BAN, MUTE, UNBAN, UNMUTE, ANNOUNCE, OPEN, ROLE, LOCK, UNLOCK = range(1, 11)   # MODERATE act
WHY_MESSAGES, WHY_ROOM = 1, 2                   # WHY op; of the server's 3 is REFUSED
UNTAKEN, WITHDRAWN = 0, 5                       # WHY_S: state, beside those of ACCEPTED
ACTED, STATE = 1, 2                            # MODERATE_S.op; 3 is REFUSED
ANNOUNCING, MUTED, BANNED = 1, 2, 4            # MODERATE_S.flags
MEMBER, ASSISTANT, INSTRUCTOR = 0, 1, 2        # roles
B_PUT, B_GET, B_DONE, B_CREDIT, B_STOP, B_HAVE, B_DECLINE, B_DROP, B_WHAT, B_NOTED = range(1, 11)   # BLOB_C.op
B_READY, B_NO, B_STORED, B_GOT, B_OK, B_STATE, B_NOTICE = range(1, 8)          # BLOB_S.op
EXPIRED_BLOB, TAKEN_BACK, FETCHED, LOST, DELETED_BLOB = range(1, 6)            # BLOB_S notice: end
B_GROWS = 2 ** 64 - 1                          # a size that is not known yet
B_HEAD, B_CHUNK, B_WINDOW = 24, 64529, 2 ** 20

CODES = {
    1: 'bad-frame', 2: 'bad-state', 3: 'bad-login', 4: 'name-taken', 5: 'name-invalid',
    6: 'not-on-roster', 7: 'elsewhere', 8: 'too-many-sessions', 9: 'busy', 10: 'stopping',
    11: 'reconnect', 12: 'slow', 13: 'timeout', 14: 'revoked', 20: 'no-such-user', 21: 'no-such-room',
    22: 'not-member', 23: 'queue-full', 24: 'too-large', 25: 'disk-full', 26: 'blocked',
    27: 'bad-body', 28: 'devices-changed', 29: 'no-device', 30: 'too-fast', 31: 'bad-keys',
    32: 'list-changed', 33: 'bad-entry', 34: 'no-such-message', 40: 'muted', 41: 'banned', 42: 'announce-only', 43: 'no-right',
    44: 'no-attempt', 45: 'not-account-key', 46: 'bad-reason', 50: 'log-changed', 51: 'forbidden', 52: 'too-many',
    60: 'no-such-blob', 61: 'blob-differs', 62: 'files-full'}


class Invalid(Exception):
    """Bytes that the document does not allow."""


class Frame:
    """A frame by name, with its fields as attributes."""

    def __init__(self, name, **fields):
        self.name = name
        self.__dict__.update(fields)

    def fields(self):
        """The fields as a dictionary, without the name."""
        return {k: v for k, v in self.__dict__.items() if k != 'name'}

    @property
    def code_name(self):
        """ERROR and REJECTED: the code in words."""
        return CODES.get(self.code, 'code %d' % self.code)

    @property
    def text_body(self):
        """SEND and DELIVER: the text of a plain body (suite 0), else None."""
        if len(self.body) < 2 or self.body[0] != 0:
            return None
        return self.body[2:].decode('utf-8')

    def __eq__(self, other):
        return isinstance(other, Frame) and self.__dict__ == other.__dict__

    def __repr__(self):
        def shown(value):
            long_one = isinstance(value, (bytes, str)) and len(value) > 80
            return repr(value[:60]) + '… %d' % len(value) if long_one else repr(value)
        return '%s(%s)' % (self.name, ', '.join(
            '%s=%s' % (k, shown(v)) for k, v in self.fields().items()))


class Cursor:
    """Reads a payload from the front; every read is checked."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        """The next size bytes."""
        if len(self.data) - self.at < size:
            raise Invalid('%d bytes wanted, %d left' % (size, len(self.data) - self.at))
        self.at += size
        return self.data[self.at - size:self.at]

    def left(self):
        """How many bytes are left."""
        return len(self.data) - self.at


class Int:
    """An unsigned little-endian integer."""

    def __init__(self, size):
        self.size = size

    def put(self, value):
        return value.to_bytes(self.size, 'little')

    def get(self, cursor):
        return int.from_bytes(cursor.take(self.size), 'little')


class Text:
    """str8 and str16; bytes may stand in for text that is no UTF-8."""

    def __init__(self, length):
        self.length = length

    def put(self, value):
        data = value if isinstance(value, bytes) else value.encode('utf-8', 'surrogateescape')
        return self.length.put(len(data)) + data

    def get(self, cursor):
        return cursor.take(self.length.get(cursor)).decode('utf-8', 'surrogateescape')


class Blob:
    """str16 of bytes that are not text."""

    def put(self, value):
        return U16.put(len(value)) + value

    def get(self, cursor):
        return cursor.take(U16.get(cursor))


class Raw:
    """So many bytes; with no size, the rest of the frame."""

    def __init__(self, size=None):
        self.size = size

    def put(self, value):
        assert self.size is None or len(value) == self.size
        return value

    def get(self, cursor):
        return cursor.take(cursor.left() if self.size is None else self.size)


class Many:
    """A count and that many items: of fields (as Frame-less dictionaries) or of one kind."""

    def __init__(self, count, item):
        self.count, self.item = count, item

    def put(self, value):
        put = self.put_fields if isinstance(self.item, list) else self.item.put
        return self.count.put(len(value)) + b''.join(put(v) for v in value)

    def put_fields(self, value):
        return put_all(self.item, value)

    def get(self, cursor):
        count = self.count.get(cursor)
        if isinstance(self.item, list):
            return [get_all(self.item, cursor) for _ in range(count)]
        return [self.item.get(cursor) for _ in range(count)]


class UpToEnd:
    """Items of one kind, as many as the frame has."""

    def __init__(self, item):
        self.item = item

    def put(self, value):
        return b''.join(self.item.put(v) for v in value)

    def get(self, cursor):
        found = []
        while cursor.left():
            found.append(self.item.get(cursor))
        return found


class Row:
    """Several fields as one item, a dictionary."""

    def __init__(self, fields):
        self.fields = fields

    def put(self, value):
        return put_all(self.fields, value)

    def get(self, cursor):
        return get_all(self.fields, cursor)


class Choice:
    """A u8 that says which fields follow; these land beside it in the frame."""

    def __init__(self, cases):
        self.cases = cases


U8, U16, U32, U64 = Int(1), Int(2), Int(4), Int(8)
STR8, STR16, BLOB16, KEY, SIGNATURE, REST = Text(U8), Text(U16), Blob(), Raw(32), Raw(64), Raw()

PERSON = [('name', STR8), ('state', U8), ('in_lobby', U8), ('since', U64), ('text', STR8)]
CHANGE = [('change', U8), ('name', STR8), ('text', STR8)]
ABOUT_PERSON = [
    ('found', U8), ('person', STR8), ('online', U8), ('state', U8), ('role', U8), ('since', U64),
    ('waiting', U32), ('device_key', KEY), ('text', STR8)]
GROUP_ANSWER = [('room', STR8), ('head', U64), ('members', U32), ('text', STR16)]

ROSTER_ITEM = [('name', STR8), ('time', U64), ('item', BLOB16)]
GROUP_ROW = [
    ('room', STR8), ('group', KEY), ('flags', U8), ('role', U8), ('members', U16), ('head', U32),
    ('number', U64), ('topic', STR8)]
LOG_ROW = [('number', U64), ('entry', BLOB16)]
MEMBER_ROW = [('name', STR8), ('flags', U8), ('role', U8), ('until', U64)]
GROUP_NOTICE = [('room', STR8), ('group', KEY), ('text', STR8)]

WHY_DEVICE = [('device', U64), ('state', U8), ('place', U32), ('until', U64)]
WHY_MEMBER = [('name', STR8), ('role', U8), ('state', U8), ('devices', U8), ('waiting', U8),
              ('present', U8), ('since', U64)]
KEYS_NO = [('asked', U8), ('person', STR8), ('code', U16), ('retry_ms', U32), ('text', STR16),
           ('near', Many(U8, STR8))]

TABLE = {
    0x00: ('PAD', [('zeros', REST)]),
    0x01: ('PART', [('data', REST)]),
    0x02: ('PING', [('value', U64)]),
    0x03: ('PONG', [('value', U64)]),
    0x04: ('BYE', []),
    0x05: ('ERROR', [('code', U16), ('retry_ms', U32), ('text', STR16)]),
    0x10: ('LOGIN', [
        ('user', STR8), ('device', U64), ('device_key', KEY), ('caps', U32), ('incarnation', U64),
        ('seq', U64), ('next_id', U64), ('lobby_seen', U64), ('signature', SIGNATURE)]),
    0x11: ('WELCOME', [
        ('user', STR8), ('account', U64), ('device', U64), ('incarnation', U64), ('last_id', U64),
        ('flags', U8), ('role', U8), ('lobby_head', U64), ('waiting', U32), ('keep_s', U32),
        ('server', STR8)]),
    0x12: ('RESUME', [
        ('incarnation', U64), ('seq', U64), ('next_id', U64), ('lobby_seen', U64), ('token', U64)]),
    0x13: ('RESYNC', [('incarnation', U64), ('token', U64)]),
    0x20: ('SEND', [
        ('id', U64), ('kind', U8), ('to', STR8),
        ('heads', Many(U8, [('device', U64), ('head', BLOB16)])), ('body', REST)]),
    0x21: ('ACCEPTED', [
        ('id', U64), ('state', U8), ('to', STR8), ('waiting', U32), ('keep_s', U32),
        ('absent', U8)]),
    0x22: ('REJECTED', [
        ('id', U64), ('code', U16), ('subject', STR8), ('text', STR16), ('hint', STR16),
        ('near', Many(U8, STR8))]),
    0x23: ('DELIVER', [
        ('flags', U8), ('incarnation', U64), ('seq', U64), ('time', U64), ('sender', STR8),
        ('from_device', U64), ('id', U64), ('to', STR8), ('head', BLOB16), ('body', REST)]),
    0x24: ('ACK', [('kind', U8), ('incarnation', U64), ('seq', U64), ('room', STR8)]),
    0x25: ('RECEIPT', [('state', U8), ('id', U64), ('to', STR8)]),
    0x26: ('WHY_C', [('op', Choice({
        WHY_MESSAGES: [('to', STR8), ('ids', Many(U8, U64))],
        WHY_ROOM: [('to', STR8), ('group', KEY), ('number', U64)]}))]),
    0x27: ('WHY_S', [('op', Choice({
        WHY_MESSAGES: [('to', STR8), ('present', U8), ('since', U64), ('keep_s', U32),
                       ('messages', Many(U8, [('id', U64), ('state', U8), ('devices', Many(U8, WHY_DEVICE))]))],
        WHY_ROOM: [('room', STR8), ('number', U64), ('last', U8), ('members', UpToEnd(Row(WHY_MEMBER)))],
        REFUSED: KEYS_NO}))]),
    0x30: ('PRESENCE_C', [('op', Choice({
        SET: [('state', U8), ('text', STR8)], LIST: [], ABOUT: [('person', STR8)]}))]),
    0x31: ('PRESENCE_S', [('op', Choice({
        CHANGES: [('joined', U32), ('left', U32), ('changes', Many(U16, CHANGE))],
        LIST: [('flags', U8), ('people', Many(U16, PERSON))],
        ABOUT: ABOUT_PERSON}))]),
    0x40: ('KEYS_C', [('op', Choice({
        PUBLISH: [('publish', REST)], FETCH: [('person', STR8), ('device', U64)], OWN: []}))]),
    0x41: ('KEYS_S', [('op', Choice({
        BUNDLES: [('person', STR8), ('device', U64), ('bundles', Many(U8, BLOB16))],
        OWN_ANSWER: [('signed', U32), ('left', U16), ('top', U32)],
        REFUSED: KEYS_NO}))]),
    0x42: ('LIST_C', [('op', Choice({
        LIST_FETCH: [('person', STR8), ('after', U32)],
        APPEND: [('account_key', KEY), ('entry', REST)]}))]),
    0x43: ('LIST_S', [('op', Choice({
        ENTRIES: [('person', STR8), ('account_key', KEY), ('head', U32), ('entries', UpToEnd(BLOB16))],
        HEAD: [('person', STR8), ('head', U32)],
        REFUSED: KEYS_NO}))]),
    0x44: ('ADMIT_C', [('op', Choice({
        CARRY: [('attempt', U64), ('step', U8), ('message', REST)],
        END: [('attempt', U64)],
        PAPER: [('account_key', KEY), ('signature', SIGNATURE)]}))]),
    0x45: ('ADMIT_S', [('op', Choice({
        CARRY: [('attempt', U64), ('device', U64), ('step', U8), ('message', REST)],
        END: [('attempt', U64), ('why', U8)],
        REFUSED: KEYS_NO}))]),
    0x46: ('ROSTER_C', [('op', Choice({
        ROSTER_FETCH: [('kind', U8), ('person', STR8), ('after', U64)],
        PUT: [('kind', U8), ('person', STR8), ('item', REST)],
        DROP: [('kind', U8), ('person', STR8)]}))]),
    0x47: ('ROSTER_S', [('op', Choice({
        ITEMS: [('kind', U8), ('person', STR8), ('next', U64), ('items', Many(U16, ROSTER_ITEM))],
        NEWS: [('kind', U8), ('waiting', U32)],
        REFUSED: KEYS_NO,
        DONE: [('asked', U8), ('kind', U8), ('person', STR8)]}))]),
    0x50: ('GROUP_C', [('op', Choice({
        JOIN: [('room', STR8)], PARTING: [('room', STR8)], G_APPEND: [('entry', REST)],
        G_LOG: [('room', STR8), ('group', KEY), ('after', U32)], G_LIST: [('scope', U8)],
        G_MEMBERS: [('room', STR8)], G_PLACE: [('room', STR8), ('group', KEY), ('seen', U64)]}))]),
    0x51: ('GROUP_S', [('op', Choice({
        JOIN: GROUP_ANSWER, PARTING: GROUP_ANSWER, REFUSED: GROUP_ANSWER,
        NO: [('room', STR8), ('asked', U8), ('code', U16), ('retry_ms', U32), ('text', STR16)],
        G_ENTRIES: [('room', STR8), ('group', KEY), ('head', U32), ('entries', UpToEnd(Row(LOG_ROW)))],
        GROUPS: [('last', U8), ('groups', UpToEnd(Row(GROUP_ROW)))],
        MEMBERS: [('room', STR8), ('group', KEY), ('last', U8), ('members', UpToEnd(Row(MEMBER_ROW)))],
        G_HEAD: [('room', STR8), ('group', KEY), ('head', U32), ('number', U64)],
        PLACED: [('room', STR8), ('group', KEY), ('after', U64), ('upto', U64)],
        GAP: [('room', STR8), ('first', U64), ('final', U64)],
        INVITED: GROUP_NOTICE, DELETED: GROUP_NOTICE}))]),
    0x58: ('MODERATE_C', [
        ('act', U8), ('room', STR8), ('person', STR8), ('seconds', U32), ('reason', STR8)]),
    0x59: ('MODERATE_S', [('op', Choice({
        ACTED: [('act', U8), ('room', STR8), ('by', STR8), ('person', STR8), ('role', U8), ('until', U64),
                ('reason', STR8)],
        STATE: [('role', U8), ('flags', U8), ('muted_until', U64), ('muted_why', STR8), ('banned_until', U64),
                ('banned_why', STR8)],
        REFUSED: KEYS_NO}))]),
    0x60: ('BLOB_C', [('op', Choice({
        B_PUT: [('ref', U32), ('blob', KEY), ('size', U64), ('to', STR8)],
        B_GET: [('ref', U32), ('blob', KEY), ('offset', U64)],
        B_DONE: [('ref', U32), ('size', U64)], B_CREDIT: [('ref', U32), ('upto', U64)], B_STOP: [('ref', U32)],
        **{op: [('blob', KEY)] for op in (B_HAVE, B_DECLINE, B_DROP, B_WHAT, B_NOTED)}}))]),
    0x61: ('BLOB_S', [('op', Choice({
        B_READY: [('ref', U32), ('size', U64), ('upto', U64), ('complete', U8)],
        B_NO: [('asked', U8), ('ref', U32), ('blob', KEY), ('code', U16), ('retry_ms', U32), ('text', STR16),
               ('hint', STR16)],
        B_STORED: [('ref', U32)], B_GOT: [('ref', U32), ('upto', U64)], B_OK: [('asked', U8), ('blob', KEY)],
        B_STATE: [('blob', KEY), ('size', U64), ('upto', U64), ('complete', U8), ('until', U64), ('devices', U32),
                  ('have', U32), ('declined', U32)],
        B_NOTICE: [('blob', KEY), ('end', U8), ('text', STR16)]}))]),
    0x62: ('DATA_C', [('ref', U32), ('offset', U64), ('data', REST)]),
    0x63: ('DATA_S', [('ref', U32), ('offset', U64), ('data', REST)]),
    0x70: ('HISTORY_C', [('room', STR8), ('after', U64), ('count', U16)]),
    0x71: ('HISTORY_S', [('room', STR8), ('upto', U64)]),
}
TYPES = {name: number for number, (name, _) in TABLE.items()}


def put_all(fields, values):
    """The fields of a dictionary as bytes, in the order of the row."""
    out = b''
    for name, kind in fields:
        if isinstance(kind, Choice):
            out += U8.put(values[name]) + put_all(kind.cases[values[name]], values)
        else:
            out += kind.put(values[name])
    return out


def get_all(fields, cursor):
    """Reads the fields of a row into a dictionary."""
    values = {}
    for name, kind in fields:
        if isinstance(kind, Choice):
            values[name] = U8.get(cursor)
            if values[name] not in kind.cases:
                raise Invalid('%s %d' % (name, values[name]))
            values.update(get_all(kind.cases[values[name]], cursor))
        else:
            values[name] = kind.get(cursor)
    return values


def payload_of(frame):
    """The payload of a Frame."""
    return put_all(TABLE[TYPES[frame.name]][1], frame.fields())


def raw_frame(number, payload):
    """A frame of any type number and any payload, valid or not."""
    return struct.pack('<BH', number, len(payload)) + payload


def encode(frame):
    """A list of encoded frames: one, or PARTs and the closing frame when it is long."""
    payload = payload_of(frame)
    parts = []
    while len(payload) > PART_OVER:
        parts.append(raw_frame(TYPES['PART'], payload[:PART_OVER]))
        payload = payload[PART_OVER:]
    return parts + [raw_frame(TYPES[frame.name], payload)]


def decode(number, payload):
    """A Frame from a type number and its whole payload."""
    if number not in TABLE:
        raise Invalid('type %02x' % number)
    name, fields = TABLE[number]
    cursor = Cursor(payload)
    values = get_all(fields, cursor)
    if cursor.left():
        raise Invalid('%s with %d bytes left over' % (name, cursor.left()))
    return Frame(name, **values)


class Assembler:
    """Turns the plaintexts of records into frames: drops PAD, joins PARTs."""

    def __init__(self):
        self.begun = b''

    def frames(self, plaintext):
        """Yields the Frames of one record."""
        cursor = Cursor(plaintext)
        while cursor.left():
            number, payload = U8.get(cursor), BLOB16.get(cursor)
            if number == TYPES['PAD']:
                continue
            if number in (TYPES['RESYNC'], TYPES['RESUME']):
                self.begun = b''
            payload = self.begun + payload
            if len(payload) > WHOLE_MAX:
                raise Invalid('a frame of more than %d bytes' % WHOLE_MAX)
            self.begun = payload if number == TYPES['PART'] else b''
            if number != TYPES['PART']:
                yield decode(number, payload)
