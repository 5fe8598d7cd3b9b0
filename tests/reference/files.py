"""Files by the reference client: docs/protocol.md, section 6.9. What is in a blob is none of this page: any bytes do."""
import os
import time

import frames
from csmsg import Unexpected
from frames import B_CHUNK, B_GROWS, B_HEAD, B_WINDOW, Frame


class Resync(Exception):
    """Every transfer of this connection is over; the RESYNC waits to be answered."""


def borders(size):
    """Where the parts of a blob begin and end: the head, then chunks."""
    at = [0, min(B_HEAD, size)] + list(range(B_HEAD + B_CHUNK, size, B_CHUNK)) + [size]
    return sorted(set(at))


def pieces(size, start=0, end=None):
    """(from, to) of the DATA frames that a sender makes of what lies between."""
    at = [start] + [b for b in borders(size) if start < b < (size if end is None else end)]
    at.append(size if end is None else end)
    return [(a, b) for a, b in zip(at, at[1:]) if b > a]


class Files:
    """What one connection transfers; refs count up and are never used again on it."""

    def __init__(self, client):
        self.client = client
        self.ref = 0
        self.known = False  # for a caller: the server has taken something

    def ask(self, op, **fields):
        """BLOB from the client."""
        self.client.send_frames(Frame('BLOB_C', op=op, **fields))

    def next(self, fits, timeout=None):
        """The next frame that fits; what else comes waits its turn. Resync ends it."""
        client, deadline = self.client, time.monotonic() + (timeout or 20)
        for frame in client.pending:
            if fits(frame):
                client.pending.remove(frame)
                return frame
        while not any(frame.name in ('RESYNC', 'ERROR') for frame in client.pending):
            frame = client.fresh(deadline)
            if fits(frame):
                return frame
            client.pending.append(frame)
        if any(frame.name == 'ERROR' for frame in client.pending):
            raise Unexpected('expected something about a file, came %s' % client.pending[-1])
        raise Resync

    def answer(self, ref=None, blob=None, ops=None, timeout=None):
        """The next BLOB about this transfer, or this blob."""
        def fits(frame):
            if frame.name != 'BLOB_S' or (ops and frame.op not in ops):
                return False
            if ref is not None:
                return getattr(frame, 'ref', None) == ref
            return getattr(frame, 'blob', None) == blob and frame.op != frames.B_NOTICE
        return self.next(fits, timeout)

    def about(self, op, blob):
        """HAVE, DECLINE, DROP, WHAT: what is answered."""
        self.ask(op, blob=blob)
        return self.answer(blob=blob)

    def put(self, blob, size, to):
        """PUT: the ref and what is answered."""
        self.ref += 1
        self.ask(frames.B_PUT, ref=self.ref, blob=blob, size=size, to=to)
        return self.ref, self.answer(self.ref)

    def get(self, blob, offset=0):
        """GET: the ref and what is answered."""
        self.ref += 1
        self.ask(frames.B_GET, ref=self.ref, blob=blob, offset=offset)
        return self.ref, self.answer(self.ref)

    def send(self, ref, content, start=0, end=None):
        """DATA of an upload that has READY, within the window; returns the last GOT. NO ends it: that is returned."""
        got, last = start, None
        for a, b in pieces(len(content), start, end):
            while b - got > B_WINDOW:
                last = self.answer(ref, ops=(frames.B_GOT, frames.B_NO))
                if last.op == frames.B_NO:
                    return last
                got = last.upto
            self.client.send_frames(Frame('DATA_C', ref=ref, offset=a, data=content[a:b]))
        want = len(content) if end is None else end
        while got < want:
            last = self.answer(ref, ops=(frames.B_GOT, frames.B_NO))
            if last.op == frames.B_NO:
                return last
            got = last.upto
        return last

    def done(self, ref, size):
        """DONE: what is answered."""
        self.ask(frames.B_DONE, ref=ref, size=size)
        return self.answer(ref, ops=(frames.B_STORED, frames.B_NO))

    def take(self, ref, offset, end, credit=True):
        """DATA of a download up to a place; credited as it comes."""
        out, at = b'', offset
        while at < end:
            frame = self.next(lambda f: f.name == 'DATA_S' and f.ref == ref)
            if frame.offset != at:
                raise Unexpected('DATA of %d comes where %d was due' % (frame.offset, at))
            if not any(frame.offset < b <= frame.offset + len(frame.data) for b in borders(end)) and at + len(frame.data) < end:
                raise Unexpected('DATA ends at %d, which is no border' % (at + len(frame.data)))
            out += frame.data
            at += len(frame.data)
            if credit:
                self.ask(frames.B_CREDIT, ref=ref, upto=at)
        return out

    def upload(self, content, to, blob=None, grows=False):
        """All of it; the blob's number. Fails unless it is stored."""
        blob = blob or os.urandom(32)
        ref, ready = self.put(blob, B_GROWS if grows else len(content), to)
        if ready.op != frames.B_READY:
            raise Unexpected('put was answered %s' % ready)
        self.send(ref, content, ready.upto)
        stored = self.done(ref, len(content))
        if stored.op != frames.B_STORED:
            raise Unexpected('done was answered %s' % stored)
        return blob

    def download(self, blob, offset=0):
        """From there to its end."""
        ref, ready = self.get(blob, offset)
        if ready.op != frames.B_READY:
            raise Unexpected('get was answered %s' % ready)
        content = self.take(ref, offset, ready.size)
        self.ask(frames.B_STOP, ref=ref)
        return content
