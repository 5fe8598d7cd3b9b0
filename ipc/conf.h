/*
 * conf.h - configuration from one table: what is read, checked, printed and explained.
 *
 * The files have sections and `key = value`; '#' begins a comment at the beginning of a line or
 * after a space; there is no quoting. A table has one row a key and says type, place in a struct,
 * default and range, so the parser, --set, --dump-defaults and the text that a master hands to its
 * children cannot disagree.
 *
 * Functions that can fail return 0 or -1 and put a message into err (CONF_ERR_SIZE is enough):
 *   server.conf:9:1: unknown key "worker" in [server]
 *   hint: did you mean "workers"?
 * The second line is there only when there is something to say. There is no line end after the last
 * one, and foreign bytes are escaped. After an error the struct is part old, part new: parse into
 * a fresh one and keep the old until all went well.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;

#define CONF_ERR_SIZE 512
#define CONF_LINE_LEN 1000 /* longest line in bytes, without its end */
#define CONF_MAX_KEYS 128  /* rows of one table */
#define CONF_WHAT_SIZE 200 /* half of a message */

enum conf_type {
    CONF_BOOL,   /* bool: yes no on off true false */
    CONF_INT,    /* uint64_t */
    CONF_SIZE,   /* uint64_t, bytes: B KiB MiB GiB; a unit is a must but for 0 */
    CONF_TIME,   /* uint64_t, milliseconds: ms s m h d; a unit is a must but for 0 */
    CONF_STRING, /* char[max + 1], terminated; max leaves room for the key in CONF_LINE_LEN */
    CONF_LIST,   /* as CONF_STRING: several, with commas between; none of them empty */
    CONF_ROOMS,  /* as CONF_LIST, and '#' may begin a word; in files with struct conf_more alone */
    CONF_WORD,   /* unsigned, or an enum: place of the word in words[] */
};

struct conf_key {
    const char *section, *key;
    enum conf_type type;
    size_t offset;            /* of the value, in the struct */
    const char *def;          /* default, as it would stand in a file */
    uint64_t min, max;        /* of a number; of the length in bytes of a string or list */
    const char *const *words; /* of CONF_WORD, ends with NULL */
    const char *help;         /* one line, beginning with a small letter */
};

/* The offset of struct S's member m, which must have type T (char * for an array of char). */
#define CONF_AT(S, m, T) \
    (offsetof(struct S, m) + 0 * sizeof(char[_Generic(((struct S *)0)->m, T : 1)]))

/* Sets every key to its default. A default that its own row refuses is a bug, and fatal. */
void conf_defaults(const struct conf_key *table, size_t n, void *to);

/*
 * Reads a file, or text, into *to; keys that are not named stay as they are. Errors name path
 * or label, line and column. No key may be named twice. When the file cannot be opened, errno says
 * why (ENOENT: the caller may know how to make one).
 */
int conf_parse_file(const struct conf_key *table, size_t n, void *to, const char *path, char *err,
                    size_t size);
int conf_parse_text(const struct conf_key *table, size_t n, void *to, const char *label,
                    const char *text, size_t len, char *err, size_t size);

/* What is wrong, and what to do about it ("" when there is nothing to add). */
struct conf_fault {
    char what[CONF_WHAT_SIZE];
    char hint[CONF_WHAT_SIZE];
};

/*
 * Sections beyond those of the table, and values that must be more than of their type. In such a file '#' behind a
 * value begins a comment only when it stands alone, since names of rooms begin with it.
 */
struct conf_more {
    void *arg;
    /*
     * Which section of the table one that it does not have stands for, and in *to the struct that its values
     * go to (else the one given); "": any key is told to pair(). NULL: there is no such section.
     */
    const char *(*section)(void *arg, const char *name, void **to);
    /* False and *fault refuses. */
    bool (*pair)(void *arg, const char *section, const char *key, const char *value, struct conf_fault *fault);
    /* Of a key of the table, after its own rules; may be NULL. */
    bool (*check)(const struct conf_key *k, const char *value, struct conf_fault *fault);
};
int conf_parse_more(const struct conf_key *table, size_t n, void *to, const struct conf_more *more, const char *label,
                    const char *text, size_t len, char *err, size_t size);

/* One assignment, "section.key=value", as from a command line. */
int conf_set(const struct conf_key *table, size_t n, void *to, const char *assignment, char *err,
             size_t size);

/*
 * Appends every key with its value as a file would say it (not terminated); reading that gives the
 * same struct again. Strings must be such as could have been read: see conf_text_fits().
 */
void conf_dump(const struct conf_key *table, size_t n, const void *from, struct buf *out);

/* Writes a file of all defaults, with help and range of each key as a comment. */
void conf_print_defaults(const struct conf_key *table, size_t n, FILE *out);

/*
 * NULL when text can stand in a file as the value of a string; else the reason: it holds control
 * bytes, has spaces at an end, or would begin a comment.
 */
const char *conf_text_fits(const char *text);
/* The same for CONF_ROOMS, and for values told to pair(). */
const char *conf_rooms_fit(const char *text);

#endif
