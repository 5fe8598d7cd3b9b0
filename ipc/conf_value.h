/* conf_value.h - values of one key: text to struct and back. Shared by the files of conf alone. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf.h"

/* Puts text, without spaces at its ends, into the struct; false and *fault when it is refused. */
bool conf_value_set(const struct conf_key *k, void *to, const char *text, struct conf_fault *fault);

/* Appends the value as a file would say it. */
void conf_value_put(const struct conf_key *k, const void *from, struct buf *out);

/* "1 to 64", "50ms to 10s", "yes or no", the words: what k takes, for comments and errors. */
void conf_value_range(const struct conf_key *k, char *out, size_t size);

/* Appends to a string of size bytes; what does not fit is left out. */
void conf_append(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The nearest of n words to what was written, NULL when none is near; words may hold NULLs. */
const char *conf_nearest(const char *written, const char *const *words, size_t n);

#endif
