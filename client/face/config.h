/*
 * config.h - the client's config file: settings, aliases, bound keys.
 *
 * $XDG_CONFIG_HOME/csmsg/config, mode 0600: `[client]` has `key = value` from one table, which also makes
 * `config defaults`, Tab and /set; `[profile NAME]` has the same keys and counts over [client] when it is
 * chosen; `[alias]` has `word = line`, `[bind]` has `key = line`. Options of the command line count over all.
 * A '#' alone, or at the beginning of a line, begins a comment.
 */
#ifndef FACE_CONFIG_H
#define FACE_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../ipc/buf.h"
#include "../../ipc/conf.h"
#include "../why.h"

enum { CONFIG_TEXT = 500, CONFIG_WORD = 33, CONFIG_PAIRS = 200 };

/* Values of the keys that are words. */
enum config_theme { THEME_AUTO, THEME_DARK, THEME_LIGHT, THEME_ANSI, THEME_NONE };
enum config_notify { NOTIFY_OFF, NOTIFY_DIRECT, NOTIFY_MENTIONS, NOTIFY_ALL };
enum config_wait { CONFIG_WAIT_ACCEPTED, CONFIG_WAIT_DELIVERED };

/* The keys of [client], in the order of the table. */
struct config_values {
    char profile[CONFIG_WORD];
    char server[CONFIG_TEXT + 1], user[CONFIG_WORD], home[CONFIG_TEXT + 1];
    char password_file[CONFIG_TEXT + 1], password_command[CONFIG_TEXT + 1];
    bool accept_new;
    uint64_t timeout; /* ms; 0: that of the command */
    unsigned wait;    /* enum config_wait */
    bool json, quiet, verbose, no_color, plain;
    unsigned theme;  /* enum config_theme */
    unsigned notify; /* enum config_notify */
    char highlight[CONFIG_TEXT + 1]; /* words, with commas */
    char time_format[41];            /* of strftime(3) */
    bool read_receipts;
    char download[CONFIG_TEXT + 1];    /* folder; "": $XDG_DOWNLOAD_DIR or the present one */
    char auto_accept[CONFIG_TEXT + 1]; /* rules FROM SIZE, with commas: config_accepts() */
    uint64_t paste_lines;
};

extern const struct conf_key config_table[];
extern const size_t config_count;

/* An alias or a bound key. */
struct config_pair {
    char *name, *line;
};
struct config_pairs {
    struct config_pair *pair;
    size_t n;
};

struct config {
    struct config_values v;
    struct config_pairs alias, bind;
    char path[PATH_MAX]; /* "": there can be none */
    char profile[CONFIG_WORD]; /* in use; "": none */
};

/*
 * Reads the file (path NULL: the one above, which need not be there) with a profile ("" or NULL: the one that
 * the file names). 0; -1 and why (a profile that is not there among them), *c as by default.
 */
int config_load(struct config *c, const char *path, const char *profile, struct why *why);
/* The same of a text; label: what errors call it. For tests. */
int config_parse(struct config *c, const char *label, const char *text, size_t len, const char *profile,
                 struct why *why);
void config_free(struct config *c);

/* A row of the table; '-' counts as '_'. NULL. */
const struct conf_key *config_find(const char *key);
/* The value as a file would say it, terminated, behind out. */
void config_value(const struct config *c, const struct conf_key *k, struct buf *out);

/*
 * Sets a key of [client], or of the profile in use, here and in the file; value NULL: as by default, the line
 * goes. 0, or -1 and why: no such key, not such a value, or the disk.
 */
int config_set(struct config *c, const char *key, const char *value, struct why *why);
/* The same for an alias, or a key (section "alias", "bind"); line NULL takes it away: -1 when there is none. */
int config_set_pair(struct config *c, const char *section, const char *name, const char *line, struct why *why);
/* What it stands for; NULL. */
const char *config_pair(const struct config_pairs *p, const char *name);

/*
 * The text of a file with one key of a section set (value NULL: taken out), everything else as it was,
 * comments too; a section that is not there is made at the end. Pure.
 */
void config_edit(struct slice text, const char *section, const char *key, const char *value, struct buf *out);

/* By the setting `notify`: does a message ring that is to us alone, or that mentions us? */
bool config_rings(const struct config_values *v, bool direct, bool mention);

/* True when a rule takes a file of this size; room: "#name", or "" for one sent to us alone. */
bool config_accepts(const struct config_values *v, const char *from, const char *room, uint64_t size);

/*
 * The bytes that a key sends: "C-t", "M-x", "F5". 0: no such key; at most 5 bytes and a terminator.
 */
size_t config_key_bytes(const char *key, char out[8]);

#endif
