/* chat_files.h - what a conversation keeps about files; the commands are command_files.h. */
#ifndef FACE_CHAT_FILES_H
#define FACE_CHAT_FILES_H

#include "buf.h"
#include "progress.h"

enum { CHAT_FILES = 8 };

struct chat_files {
    struct {
        struct progress progress;
        uint64_t said_ms; /* when a line was last printed of it */
        struct buf line;  /* as /files shows it */
    } moving[CHAT_FILES];
};

#endif
