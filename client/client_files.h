/*
 * client_files.h - files, of a client (client.h): offering, fetching, declining; resumed after whatever has
 * died (docs/files.md). What there is stands in the store, in rows of file_book.h.
 *
 * A transfer runs in one process of a device at a time. It is carried on by the process that began it, and by
 * one that was told to carry on all of them. Everything that happens is told as CLIENT_FILE.
 */
#ifndef CLIENT_FILES_H
#define CLIENT_FILES_H

#include <sys/types.h>

#include "file_book.h"
#include "why.h"

struct client;

enum client_file_news {
    CLIENT_FILE_MOVES = 1, /* done and size: bytes of the content; at most ten times a second */
    CLIENT_FILE_OFFERED,   /* own: the message that offers it is under way, under the row's number */
    CLIENT_FILE_STORED,    /* own: the server has all of it */
    CLIENT_FILE_FETCHED,   /* own: everybody has it, the server has let go of it */
    CLIENT_FILE_HERE,      /* it is at row->path, whole and verified; of one fetched to a descriptor: written there */
    CLIENT_FILE_DECLINED,
    CLIENT_FILE_WAITS,  /* code, words: it is tried again by itself */
    CLIENT_FILE_GONE,   /* words: it is not at the server any more */
    CLIENT_FILE_FAILED, /* code, words, hint: it has ended here; row->state says whether it can go on */
};

struct client_file_event {
    enum client_file_news what;
    const struct file_row *row;
    uint64_t done, size; /* size: FILE_SIZE_OPEN when not known yet */
    const char *code;    /* wire_code_name() or: local, changed, damaged, in-use */
    const char *words, *hint;
};

enum client_file_result {
    CLIENT_FILE_TAKEN,
    CLIENT_FILE_NO_SUCH, /* no such number, or no such file here */
    CLIENT_FILE_LOCAL,   /* file or disk */
    CLIENT_FILE_WRONG,   /* it cannot be, as it stands */
    CLIENT_FILE_STORE,   /* the store failed; FAILED is told */
};

struct client_put {
    const char *to;   /* a user, or a group with its # */
    const char *path; /* a regular file; NULL: fd */
    int fd;           /* the client's from then on: read until its end */
    pid_t child;      /* of fd: the process that writes it, and fails if what it wrote is no good; 0: none */
    const char *name; /* NULL: that of the path */
    const char *text; /* NULL: nothing is said about it */
};

/* Offers a file, or goes on with the same one of the same name to the same. Its number, or why not. */
enum client_file_result client_put(struct client *c, const struct client_put *put, uint64_t *id, struct why *why);

/*
 * Fetches an offered one. path: a folder, where it gets its name, or a file that is not there yet; NULL: that of
 * client_options, else $XDG_DOWNLOAD_DIR, ~/Downloads if there is one, the present one. fd: written to instead, -1: none.
 * One that was fetched to there before is told to be there.
 */
enum client_file_result client_get(struct client *c, uint64_t id, const char *path, int fd, struct why *why);

/* Declines an offer for this device; takes an own file back from the server. */
enum client_file_result client_decline(struct client *c, uint64_t id, struct why *why);

/* Carries on all that this device has begun, also by earlier processes. */
void client_files_auto(struct client *c);

/* A descriptor that is readable when there is something to do (beside client_fd()); -1: none. */
int client_files_fd(const struct client *c);

#endif
