/*
 * doctor.h - csce513fall24Msg doctor: looks at everything the client stands on, says of each whether it is well,
 * and what to do where it is not. It makes nothing and changes nothing.
 *
 *   doctor.c           the command, its lines, config file and clock
 *   doctor_terminal.c  the terminal, and tmux around it
 *   doctor_disk.c      folder, key, message store, who has it open
 *   doctor_server.c    address, handshake, key, sign-in
 */
#ifndef FACE_DOCTOR_H
#define FACE_DOCTOR_H

#include <sys/stat.h>
#include <sys/types.h>

#include "errand.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    struct args args;
    struct config config;
    struct errand s;     /* home and place of the server */
    enum face_exit exit; /* of the first failure */
    unsigned found[FINDING_FAIL + 1];
    bool user;   /* s.home.user is who would sign in, and has a key here */
    bool locked; /* the key needs a passphrase */
    void (*put)(struct doctor *d, enum finding finding, const char *about, const struct why *why); /* a line */
};

/* A finding, printf; a hint says what to do and may be empty. exit: what the command ends with. */
void doctor_ok(struct doctor *d, const char *about, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void doctor_warn(struct doctor *d, const char *about, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void doctor_fail(struct doctor *d, const char *about, enum face_exit exit, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* --- what is judged, apart from what is looked at --- */

struct doctor_screen {
    bool terminal; /* somebody sits there */
    const char *term; /* "": not set */
    bool known;    /* terminfo has it */
    bool utf8;     /* the locale says so */
    bool no_color; /* colours are not wanted */
    int colours;   /* -1: none */
    unsigned cols, rows;
};
void doctor_judge_screen(struct doctor *d, const struct doctor_screen *screen);

/* What tmux is set to; "" where it did not say. wanted: notifications are. */
void doctor_judge_tmux(struct doctor *d, const char *passthrough, const char *escape_ms, bool wanted);

/* Milliseconds since 1970; theirs 0: the server has not said. */
void doctor_judge_clock(struct doctor *d, uint64_t ours, uint64_t theirs);

/* A folder of this owner and mode, with so many bytes left for us. */
void doctor_judge_folder(struct doctor *d, const char *path, const struct stat *st, uint64_t left);

/* The process that holds a flock(2) on this inode, by a line of /proc/locks; 0: another lock. */
pid_t doctor_lock_holder(const char *line, ino_t inode);

/* --- looking --- */

void doctor_terminal(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_server(struct doctor *d);

#endif
