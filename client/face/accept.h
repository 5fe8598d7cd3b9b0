/*
 * accept.h - which offered files are fetched without asking: WHO:SIZE,... where WHO is a user, a group with its
 * #, or *; the first rule that names the sender, the group, or everybody decides.
 */
#ifndef FACE_ACCEPT_H
#define FACE_ACCEPT_H

#include "../client_files.h"
#include "name.h"

enum { ACCEPT_RULES = 32 };

struct accept {
    size_t n;
    struct accept_rule {
        char who[NAME_SIZE];
        uint64_t most; /* bytes */
    } rule[ACCEPT_RULES];
};

/* text: NULL or empty: no rule. 0; -1 and why. */
int accept_parse(struct accept *a, const char *text, struct why *why);
/* Is this offer to be fetched? */
bool accept_wants(const struct accept *a, const struct file_row *row);
/* Fetches every offer that is to be, into the folder of downloads. own: the user's name, whose offers never are. */
void accept_offers(const struct accept *a, struct client *c, struct vault *v, const char *own);

#endif
