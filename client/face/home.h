/*
 * home.h - where a user's things are: known_servers, and for each user name a folder (in lower
 * case) with key, store.db, shown, history. One home serves several names.
 */
#ifndef FACE_HOME_H
#define FACE_HOME_H

#include <limits.h>

#include "../why.h"
#include "name.h"

struct home {
    char root[PATH_MAX / 2], folder[PATH_MAX / 2 + 64];
    char known_servers[PATH_MAX];
    char user[NAME_SIZE];
};

/* Finds the root: dir, or the default when it is NULL; nothing is made. 0, or -1 and why. */
int home_find(struct home *h, const char *dir, struct why *why);
/* The same, and makes it. */
int home_root(struct home *h, const char *dir, struct why *why);

/* How many users there are; h->user is the only one, if so. */
int home_users(struct home *h);

/* Where the files of a user are: h->user, h->folder. 0; -1: not a name (h->folder is empty). */
int home_folder(struct home *h, const char *name);

/* Chooses the user and makes the folder. 0; -1 and why: not a name (h->folder is empty) or disk. */
int home_user(struct home *h, const char *name, struct why *why);

/* The path of a file of the user, in out. Returns out. */
const char *home_file(const struct home *h, const char *file, char out[PATH_MAX]);

/* Removes the user's files and folder again: nobody has used them. */
void home_forget_user(const struct home *h);

/* Calls f with the path of every user's store.db. */
void home_each_store(const struct home *h, void (*f)(void *arg, const char *path), void *arg);

#endif
