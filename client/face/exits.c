/* exits.c - see exits.h. */
#include "exits.h"

#include <stddef.h>
#include <string.h>

enum face_exit exit_of(const char *code)
{
    static const struct {
        const char *code;
        enum face_exit exit;
    } rows[] = {
        {"no-such-user", EXIT_NO_SUCH},
        {"no-such-room", EXIT_NO_SUCH},
        {"no-device", EXIT_NO_SUCH},
        {"no-such-message", EXIT_NO_SUCH},
        {"no-such-file", EXIT_NO_SUCH},
        {"no-such-blob", EXIT_NO_SUCH},
        {"no-keys", EXIT_TIME},
        {"queue-full", EXIT_LATER},
        {"disk-full", EXIT_LATER},
        {"files-full", EXIT_LATER},
        {"in-use", EXIT_LATER},
        {"changed", EXIT_LOCAL},
        {"busy", EXIT_LATER},
        {"too-many-sessions", EXIT_LATER},
        {"name-taken", EXIT_REFUSED},
        {"name-invalid", EXIT_REFUSED},
        {"not-on-roster", EXIT_REFUSED},
        {"bad-login", EXIT_REFUSED},
        {"elsewhere", EXIT_REFUSED},
        {"revoked", EXIT_REFUSED},
        {"not-member", EXIT_REFUSED},
        {"blocked", EXIT_REFUSED},
        {"muted", EXIT_REFUSED},
        {"forbidden", EXIT_REFUSED},
        {"bad-entry", EXIT_REFUSED},
        {"too-many", EXIT_REFUSED},
        {"log-changed", EXIT_LATER},
        {"too-fast", EXIT_LATER},
        {"banned", EXIT_REFUSED},
        {"announce-only", EXIT_REFUSED},
        {"no-right", EXIT_REFUSED},
        {"unknown-server", EXIT_TRUST},
        {"changed-server", EXIT_TRUST},
        {"changed-keys", EXIT_TRUST},
        {"bad-proof", EXIT_TRUST},
        {"passphrase", EXIT_TRUST},
        {"middle", EXIT_TRUST},
        {"bad-list", EXIT_TRUST},
        {"not-account-key", EXIT_REFUSED},
        {"given-up", EXIT_REFUSED},
        {"no-account-key", EXIT_REFUSED},
        {"no-such-device", EXIT_NO_SUCH},
        {"no-answer", EXIT_TIME},
        {"bad-time", EXIT_TRUST},
        {"trust", EXIT_LOCAL},
        {"store", EXIT_LOCAL},
        {"local", EXIT_LOCAL},
        {"usage", EXIT_USAGE},
        {"not-ours", EXIT_UNREACHABLE},
        {"version", EXIT_UNREACHABLE},
        {"unreachable", EXIT_UNREACHABLE},
        {"lost", EXIT_UNREACHABLE},
        {"silent", EXIT_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0) return rows[i].exit;
    return EXIT_FAILED;
}
