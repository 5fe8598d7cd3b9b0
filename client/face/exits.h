/* exits.h - what the program's exit codes mean to scripts. */
#ifndef FACE_EXITS_H
#define FACE_EXITS_H

enum face_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_REFUSED = 4,
    EXIT_NO_SUCH = 5,
    EXIT_TRUST = 6,
    EXIT_TIME = 7, /* stored but not delivered in time; nothing more came in time */
    EXIT_LOCAL = 8,
    EXIT_LATER = 75,
    EXIT_INTERRUPTED = 130,
};

/* The exit code for the code of an error, rejection or failure ("no-such-user"). */
enum face_exit exit_of(const char *code);

#endif
