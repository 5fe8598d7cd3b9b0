"""Looks for byte strings where they must not be: files, the memory of processes, the traffic of a port.

Every search gives the words for what was found and where, so `== []` is the assertion; the same call on a
place that has them shows that it looks. Needs root: the server's processes forbid others to look at them.
"""
import base64
import ctypes
import errno
import hashlib
import os
import pathlib
import socket
import struct
import threading

from harness import Skipped, check, scale

STEP = 1 << 24          # bytes looked at together
PAGE = 1 << 12
OVERLAP = 1 << 12       # longer than anything that is searched
HUGE = 1 << 26          # no program maps so much in one piece
SOL_PACKET, PACKET_STATISTICS, SO_ATTACH_FILTER, SO_RCVBUFFORCE = 263, 6, 26, 33
ETH_P_ALL = 3
WORD = 3                # base64 of so many bytes depends on nothing around it


def need_rights():
    """Skips the test where memory and traffic cannot be looked at: half a search proves nothing."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        raise Skipped('the memory of the server and the traffic are not searched: needs root, to read '
                      '/proc/PID/mem of processes that forbid it and to capture packets') from None


def forms(needle):
    """A byte string as it is, in hexadecimal, and in base64 wherever it stands in what was encoded."""
    found = {needle, needle.hex().encode()}
    for before in range(WORD):
        text = base64.b64encode(bytes(before) + needle)
        skip = (0, 2, 3)[before]  # letters that what stands before has a share in
        found.add(text[skip:len(text) // 4 * 4 - 4])
    return found


def without_empty_pages(data):
    """The same without its pages of zeros, which most of a process's memory is; nothing comes to stand together."""
    empty = bytes(PAGE)
    dense, gap = [], False
    for at in range(0, len(data), PAGE):
        page = data[at:at + PAGE]
        if page != empty:
            dense.append(page)
        elif not gap:
            dense.append(empty)
        gap = page == empty
    return b''.join(dense)


class Needles:
    """What is looked for: a name for each, and the forms of it. What was searched once is not searched again:
    the programs and libraries that all processes have in common."""

    def __init__(self, named=()):
        self.forms, self.known = {}, {}
        for name, value in dict(named).items():
            self.add(name, value)

    def add(self, name, value, written=True):
        """One more; text is searched as UTF-8. written: also as hexadecimal and base64 would write it."""
        value = value.encode() if isinstance(value, str) else bytes(value)
        check(len(value) >= 16, '%s: %d bytes could be there by chance' % (name, len(value)))
        self.forms.update((form, name) for form in (forms(value) if written else {value}))
        self.known = {}

    def names(self):
        """Everything that is looked for."""
        return set(self.forms.values())

    def only(self, part):
        """Those whose name has this in it."""
        return self.chosen(lambda name: part in name)

    def without(self, part):
        """Those whose name has it not."""
        return self.chosen(lambda name: part not in name)

    def chosen(self, wanted):
        """Those whose name is wanted."""
        chosen = Needles()
        chosen.forms = {form: name for form, name in self.forms.items() if wanted(name)}
        return chosen

    def inside(self, data):
        """The names of those that stand in these bytes."""
        digest = hashlib.blake2b(data).digest()
        if digest not in self.known:
            dense = without_empty_pages(data)
            self.known[digest] = {name for form, name in self.forms.items() if form in dense}
        return self.known[digest]

    def inside_all(self, chunks):
        """The same for bytes that come in pieces of one whole."""
        found, tail = set(), b''
        for chunk in chunks:
            data = tail + chunk
            found |= self.inside(data)
            tail = data[-OVERLAP:]
        return found


def said(where, found):
    """What was found in a place, in words."""
    return ['%s in %s' % (name, where) for name in sorted(found)]


# --- files ---

def in_files(needles, folder):
    """Every file below a folder, however it is called: stores, their WAL and index, logs."""
    paths = [path for path in sorted(pathlib.Path(folder).rglob('*')) if path.is_file()]
    check(paths, 'there is no file below %s' % folder)
    return [words for path in paths for words in said(path.name, needles.inside(path.read_bytes()))]


# --- memory ---

def pieces(read, start, end):
    """The bytes from start to end, in steps; None from read ends a step that cannot be read."""
    for at in range(start, end, STEP):
        data = read(at, min(STEP, end - at))
        if data:
            yield data


def mappings(pid):
    """(start, end, name) of every mapping of a process."""
    for line in pathlib.Path('/proc/%d/maps' % pid).read_text().splitlines():
        fields = line.split(None, 5)
        start, end = (int(number, 16) for number in fields[0].split('-'))
        yield start, end, fields[5] if len(fields) > 5 else ''


def is_memfd(name):
    """A file in memory, as the slabs are: large and mostly holes, so it is read through its descriptor."""
    return name.startswith('/memfd:')


def of_mappings(pid):
    """(name, pieces) of every mapping, also of those that a core file would leave out."""
    with open('/proc/%d/mem' % pid, 'rb', buffering=0) as memory:
        def read(at, size):
            try:
                return os.pread(memory.fileno(), size, at)
            except OSError as error:
                if error.errno in (errno.EIO, errno.EFAULT):  # of a device, or what the kernel alone may see
                    return None
                raise
        for start, end, name in mappings(pid):
            if is_memfd(name) or name in ('[vvar]', '[vsyscall]', '[vvar_vclock]'):
                continue
            if end - start > HUGE:
                check(scale() > 1, 'a mapping of %d bytes in process %d' % (end - start, pid))
                continue  # the sanitizer's book-keeping, terabytes
            yield name, pieces(read, start, end)


def of_memfds(pid):
    """(name, pieces) of the data of every file in memory that a process has open."""
    folder = pathlib.Path('/proc/%d/fd' % pid)
    for link in folder.iterdir():
        name = os.readlink(link)
        if not is_memfd(name):
            continue
        fd = os.open(link, os.O_RDONLY)
        try:
            yield name, islands(fd)
        finally:
            os.close(fd)


def islands(fd):
    """The bytes of a file without its holes."""
    end = 0
    while True:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield from pieces(lambda at, size: os.pread(fd, size, at), start, end)


def in_memory(needles, what, pid):
    """Everything that a process has mapped, and the files in memory that it holds."""
    found, size = {}, 0

    def counted(chunks):
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk
    for source in (of_mappings(pid), of_memfds(pid)):
        for name, chunks in source:
            for needle in needles.inside_all(counted(chunks)):
                found.setdefault(needle, name or 'its heap')
    check(size > 100_000, 'of the memory of %s only %d bytes could be read' % (what, size))
    return ['%s in the memory of %s (%s)' % (needle, what, place) for needle, place in sorted(found.items())]


def in_server(needles, server):
    """Every process of a server. One that is missing in its own list is a failure."""
    rows = server.processes()
    group = {int(path.name) for path in pathlib.Path('/proc').iterdir()
             if path.name.isdigit() and group_of(int(path.name)) == server.pid}
    listed = {row['pid'] for row in rows}
    check(listed == group, 'processes listed: %s, in the process group: %s' % (sorted(listed), sorted(group)))
    return [words for row in rows for words in in_memory(needles, '%s %d' % (row['role'], row['pid']), row['pid'])]


def group_of(pid):
    """The process group of a process, 0 when it has just ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


# --- traffic ---

def filter_of(port):
    """The kernel's filter program: IPv4, TCP, this port at either end, and of the two times that loopback shows
    each packet the one when it comes in. (operation, jump if so, jump if not, value) each."""
    return b''.join(struct.pack('HBBI', *step) for step in (
        (0x20, 0, 0, 0xfffff004),  # the packet's type
        (0x15, 10, 0, 4),          # outgoing: no
        (0x28, 0, 0, 12),          # of what protocol
        (0x15, 0, 8, 0x0800),
        (0x30, 0, 0, 23),
        (0x15, 0, 6, socket.IPPROTO_TCP),
        (0xb1, 0, 0, 14),          # the length of the IP header
        (0x48, 0, 0, 14),          # the port it comes from
        (0x15, 2, 0, port),
        (0x48, 0, 0, 16),          # the port it goes to
        (0x15, 0, 1, port),
        (0x06, 0, 0, 1 << 18),     # yes, whole
        (0x06, 0, 0, 0)))


def attach_filter(sock, program):
    """Has the kernel leave out what the filter does not want."""
    code = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(code)))


class Capture:
    """What travels over loopback from and to a TCP port, from now on."""

    def __init__(self, port):
        self.flows, self.packets = {}, 0
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # of no protocol until it is bound
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        attach_filter(self.sock, filter_of(port))
        self.sock.bind(('lo', ETH_P_ALL))
        self.sock.settimeout(0.05)
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """The thread: until it was told to stop and nothing is left."""
        while True:
            try:
                packet = self.sock.recv(1 << 18)
            except TimeoutError:
                if self.stopping:
                    return
                continue
            self.take(packet[14:])

    def take(self, packet):
        """One IPv4 packet."""
        head = (packet[0] & 15) * 4
        tcp = packet[head:struct.unpack('>H', packet[2:4])[0] or None]
        source, target, number = struct.unpack('>HHI', tcp[:8])
        data = tcp[(tcp[12] >> 4) * 4:]
        if data:
            self.packets += 1
            self.flows.setdefault((source, target), {})[number] = data

    def stop(self):
        """Ends it, so that it can be searched; Failure when the kernel has left packets out."""
        self.stopping = True
        self.thread.join()
        _, dropped = struct.unpack('II', self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.sock.close()
        check(dropped == 0, '%d packets were not captured' % dropped)

    def found(self, needles):
        """Each direction of each connection as one stream (a number that wraps only moves its place)."""
        check(self.packets > 0, 'nothing was captured')
        return [words for (source, target), data in self.flows.items()
                for words in said('the traffic from port %d to %d' % (source, target), needles.inside_all(
                    data[number] for number in sorted(data)))]
