/*
 * settings.h - what the server can be told: one struct, one table.
 *
 * The master reads the file, --set and the defaults into a struct settings and hands the result to
 * worker and broker as the text of conf_dump(). Times are milliseconds, sizes are bytes.
 * conf/csce513fall24Msg.conf explains each key; a test keeps it equal to the table.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conf.h"

#define SETTINGS_NAME_LEN   63
#define SETTINGS_LIST_LEN   511
#define SETTINGS_PATH_LEN   511
#define SETTINGS_LISTEN_MAX 32 /* addresses */

enum settings_register { REGISTER_OPEN, REGISTER_ROSTER };
enum settings_format { FORMAT_AUTO, FORMAT_PRETTY, FORMAT_LOGFMT, FORMAT_JSON };

struct settings {
    struct {
        char name[SETTINGS_NAME_LEN + 1];
        char listen[SETTINGS_LIST_LEN + 1]; /* see settings_listen() */
        uint64_t workers;                   /* 0 = one per core */
        uint64_t busy_wait_us;
        char state_dir[SETTINGS_PATH_LEN + 1];
    } server;
    struct {
        unsigned registration; /* enum settings_register; the key is "register" */
        char roster[SETTINGS_PATH_LEN + 1];
    } access;
    struct {
        uint64_t backlog, keep; /* messages */
    } lobby;
    struct {
        uint64_t clients, sessions_per_user;
        uint64_t connects_per_address, connects_per_network; /* a second; burst is ten times that */
        uint64_t handshakes, handshake_time, first_byte_time;
        uint64_t logins_waiting;
        uint64_t text;                                  /* bytes of one message */
        uint64_t messages_per_second, bytes_per_second; /* of one session */
        uint64_t queue_messages, queue_per_sender, queue_bytes, queue_keep; /* of one user */
        uint64_t disk_free;
        uint64_t window_messages, window_bytes; /* unacknowledged, of one device */
        uint64_t key_requests;     /* KEYS, LIST, ADMIT, ROSTER and MODERATE a minute of one account; burst is ten times that */
        uint64_t one_time_prekeys; /* of one device */
        uint64_t guests_per_account, guests_per_address, guest_time; /* devices that ask to be admitted */
        uint64_t roster_claims;    /* that wait for an instructor */
        uint64_t file_size, files_per_user, files_total, file_keep; /* bytes of one blob, of a user's, of all; how long */
        uint64_t file_requests;    /* BLOB a minute of one account; burst is ten times that */
    } limits;
    struct {
        uint64_t per_user;                    /* open ones that one user has created */
        uint64_t members, log;                /* people, entries */
        uint64_t queue_messages, queue_bytes; /* that wait in one group */
    } groups;
    struct {
        uint64_t grace, tick;
    } presence;
    struct {
        uint64_t heartbeat, heartbeat_limit, takeover_grace;
    } process;
    struct {
        bool enabled;
        char worker_user[SETTINGS_NAME_LEN + 1];
    } sandbox;
    struct {
        unsigned level;  /* enum log_level */
        unsigned format; /* enum settings_format */
    } log;
};

/* The table for conf_defaults(), conf_parse_file(), conf_set(), conf_dump(), … */
extern const struct conf_key settings_table[];
extern const size_t settings_count;

/*
 * Makes relative paths absolute: they stand in the folder of the config file, or in the current
 * folder when conf_path is NULL. Returns 0, or -1 with a message in err when a path becomes too
 * long or could not be written into a config file again. Doing it twice changes nothing.
 */
int settings_resolve(struct settings *s, const char *conf_path, char *err, size_t size);

/*
 * What no single key can say: the addresses are well-formed, a roster is named when people must be
 * on it, a worker is not given up before it could answer. 0, or -1 with a message in err.
 */
int settings_check(const struct settings *s, char *err, size_t size);

/*
 * The addresses to listen on, in the order of the list: "127.0.0.1:5130", "[::1]:5130" or
 * "localhost:5130" (both of these); no other names. Port 0 lets the kernel choose. Returns how
 * many were stored in out and lens, or -1 with a message in err (also when there are more than
 * max).
 */
int settings_listen(const struct settings *s, struct sockaddr_storage *out, socklen_t *lens,
                    size_t max, char *err, size_t size);

#endif
