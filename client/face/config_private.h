/* config_private.h - what config.c and config_write.c share; nobody else includes it. */
#ifndef FACE_CONFIG_PRIVATE_H
#define FACE_CONFIG_PRIVATE_H

#include "../../ipc/conf_value.h"
#include "config.h"
#include "name.h"

/* A whole file, terminated, to be freed; nothing (NULL, 0) when it is not there. 0, or -1 and why. */
int config_read(const char *path, char **text, size_t *len, struct why *why);

/* Is it more than of its type? */
bool config_check(const struct conf_key *k, const char *value, struct conf_fault *fault);
bool config_pair_check(const char *section, const char *name, const char *line, struct conf_fault *fault);

void config_pair_put(struct config_pairs *p, const char *name, const char *line);
void config_pair_drop(struct config_pairs *p, const char *name);

/* A rule of auto_accept. */
struct config_rule {
    char from[NAME_SIZE];
    uint64_t size; /* bytes, at most */
};
bool config_next_rule(const char **at, struct config_rule *rule);

#endif
