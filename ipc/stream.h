/*
 * stream.h - frames between two of our processes over a Unix stream socket, in batches.
 *
 * A frame is len(u32) type(u8) payload, len counting the payload. Writers append to `out` with
 * stream_begin/stream_end (or bus.h) and stream_flush() once a turn: many frames, one system call.
 * One read takes what is there and hands over every whole frame.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "buf.h"
#include "loop.h"

enum { STREAM_HEAD = 5, STREAM_FRAME_MAX = 4 << 20, STREAM_READ = 256 << 10 };

struct stream;
/* False: the frame is nonsense; the stream then ends. The payload lives until the return. */
typedef bool stream_frame(struct stream *s, uint8_t type, struct slice payload);
/* The other side is gone, or why is STREAM_NONSENSE; the callee closes s. */
#define STREAM_NONSENSE "nonsense"
typedef void stream_ended(struct stream *s, const char *why);

struct stream {
    struct loop_io io;
    struct loop *loop;
    stream_frame *frame;
    stream_ended *ended;
    void *owner;
    struct buf in, out;
    bool open, paused;
};

/* A connected pair, close-on-exec, non-blocking, with roomy buffers; fatal when impossible. */
void stream_pair(int fd[2]);

/* Takes over fd and starts to read on the loop. */
void stream_open(struct stream *s, struct loop *l, int fd, stream_frame *frame, stream_ended *ended,
                 void *owner);

/* Appends a frame: begin, then write the payload into s->out, then end with what begin returned. */
size_t stream_begin(struct stream *s, uint8_t type);
void stream_end(struct stream *s, size_t begun);

/* Writes what the socket takes; the rest goes when it is ready again. */
void stream_flush(struct stream *s);

/* Stops and resumes reading: back-pressure on the other side. */
void stream_pause(struct stream *s, bool pause);

/* Bytes that wait to be written. */
static inline size_t stream_waiting(const struct stream *s) { return buf_len(&s->out); }

/* Closes the descriptor and frees the buffers. Safe from inside the callbacks, and twice. */
void stream_close(struct stream *s);

#endif
